import { Arguments } from './arguments.ts'
import { BankError } from './bank-error.ts'
import {
  CommitUnknownError,
  DeadlockError,
  LockNotAvailableError,
  OperationalError,
  PoolTimeoutError,
  SerializationError,
} from './heddle.ts'
import type { Line } from './lines.ts'
import * as bank from './operations.ts'
import { type Answer, type Failure, RequestError, type RequestId, readRequest } from './protocol.ts'
import { inTransaction, type RequestOptions } from './transactions.ts'

/** What a client can ask for: reads the arguments, and gives the work to be done in a transaction. */
interface Operation {
  readonly readOnly?: boolean
  readonly prepare: (args: Arguments) => () => Promise<object>
}

const operations: Readonly<Record<string, Operation>> = {
  open: {
    prepare: (args) => {
      const owner = args.text('owner', 100)
      const amount = args.optional('amount', (name) => args.amount(name))
      return () => bank.open(owner, amount)
    },
  },
  deposit: {
    prepare: (args) => {
      const [account, amount] = [args.number('account'), args.amount('amount')]
      return () => bank.deposit(account, amount)
    },
  },
  transfer: {
    prepare: (args) => {
      const [from, to, amount] = [args.number('from'), args.number('to'), args.amount('amount')]
      return () => bank.transfer(from, to, amount)
    },
  },
  balance: {
    readOnly: true,
    prepare: (args) => {
      const account = args.number('account')
      return () => bank.balance(account)
    },
  },
  history: {
    readOnly: true,
    prepare: (args) => {
      const account = args.number('account')
      const limit = args.optional('limit', (name) => args.count(name, 100))
      const before = args.optional('before', (name) => args.number(name))
      return () => bank.history(account, limit, before)
    },
  },
  statement: {
    readOnly: true,
    prepare: (args) => {
      const account = args.number('account')
      return () => bank.statement(account)
    },
  },
}

/** What became of a line. */
export interface Outcome {
  readonly answer: Answer
  /** What the client is not told: an error that is nobody's request's fault. */
  readonly fault?: unknown
}

/**
 * Answers one line. Never rejects but with the reason of the signal, when the client has vanished: then there is nobody to
 * answer, and whatever the request did is rolled back.
 */
export async function answerLine(line: Line, options: Omit<RequestOptions, 'readOnly'>): Promise<Outcome> {
  let id: RequestId = null
  try {
    const request = readRequest(line)
    id = request.id
    const { readOnly = false, prepare } = operationOf(request.op)
    const args = new Arguments(request.op, request.args)
    const work = prepare(args)
    args.done()
    const result = await inTransaction(work, { ...options, readOnly })
    return { answer: { id, ok: true, ...result } }
  } catch (error) {
    if (options.signal.aborted) throw options.signal.reason
    return failureOf(error, id)
  }
}

function operationOf(op: string): Operation {
  const operation = Object.hasOwn(operations, op) ? operations[op] : undefined
  if (operation !== undefined) return operation
  const known = Object.keys(operations).join(', ')
  throw new BankError('unknown_operation', `There is no operation '${op.slice(0, 60)}', only ${known}.`)
}

function failureOf(error: unknown, id: RequestId): Outcome {
  if (error instanceof RequestError) return { answer: failure(error.id, error) }
  if (error instanceof BankError) return { answer: failure(id, error) }
  return { answer: failure(id, translate(error)), fault: error }
}

/** What a client may know of an error of the database: what to do, and nothing of its insides. */
function translate(error: unknown): BankError {
  if (error instanceof DeadlockError || error instanceof SerializationError)
    return new BankError('conflict', 'Other requests were in the way, again and again; nothing was done. Ask again.')
  if (error instanceof PoolTimeoutError || error instanceof LockNotAvailableError) {
    return new BankError('busy', 'The bank is too busy; nothing was done. Ask again later.')
  }
  if (error instanceof CommitUnknownError) {
    return new BankError(
      'outcome_unknown',
      'The database vanished while it stored the request. Look before you ask again.',
    )
  }
  if (error instanceof OperationalError) {
    return new BankError('unavailable', 'The database does not answer; nothing was done. Ask again later.')
  }
  return new BankError('internal', 'The request failed by a fault of the bank; nothing was done.')
}

function failure(id: RequestId, { code, message }: BankError): Failure {
  return { id, ok: false, error: { code, message } }
}

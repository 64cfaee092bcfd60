import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { aFunction, checkOptions, milliseconds, type RulesOf } from '../support/index.ts'
import type { QueryEvent, TransactionMessage } from './events.ts'
import type { ListenedConnection } from './listened-connection.ts'

/** What is slow, and where it is written. */
export interface SlowLogOptions {
  /** Milliseconds from which a statement is logged. Default: 200 */
  readonly statements?: number
  /** Milliseconds after which a transaction is logged, while it is still open, and once more at its end. Default: 1,000 */
  readonly transactions?: number
  /** Gets each line, and what it is about. Default: `console.warn` */
  readonly write?: (line: string, about: QueryEvent | TransactionMessage) => void
}

const rules: RulesOf<SlowLogOptions> = { statements: milliseconds, transactions: milliseconds, write: aFunction }

interface OpenTransaction {
  readonly timer: NodeJS.Timeout
  wasLogged: boolean
  lastSql: string | undefined
}

/**
 * Logs statements that were slow, and transactions that are open for long, of all engines of this thread, over the diagnostics channels
 * `heddle:query` and `heddle:transaction`. Values of statements are not logged.
 *
 * ```ts
 * const stop = slowLog({ statements: 100, transactions: 2_000, write: (line) => logger.warn(line) })
 * ```
 *
 * @returns a function that stops it
 * @throws ArgumentError for wrong options
 */
export function slowLog(options: SlowLogOptions = {}): () => void {
  checkOptions('slowLog()', options, rules)
  // biome-ignore lint/suspicious/noConsole: the log of who asks for no other
  const { statements = 200, transactions = 1_000, write = (line: string) => console.warn(line) } = options
  const open = new Map<ListenedConnection, OpenTransaction>()
  const onQuery = (message: unknown) => {
    const query = message as QueryEvent
    const transaction = open.get(query.connection)
    if (transaction !== undefined) transaction.lastSql = query.sql
    if (query.durationMs < statements) return
    write(`slow statement of '${query.connection.label}', ${Math.round(query.durationMs)} ms: ${query.sql}`, query)
  }
  const onTransaction = (message: unknown) => {
    const transaction = message as TransactionMessage
    const { connection, event, durationMs = 0 } = transaction
    const before = open.get(connection)
    clearTimeout(before?.timer)
    open.delete(connection)
    if (event !== 'begin') {
      const ended = event === 'commit' ? 'was committed' : 'was rolled back'
      const logs = before?.wasLogged === true || durationMs >= transactions
      if (logs)
        write(`long transaction of '${connection.label}' ${ended} after ${Math.round(durationMs)} ms`, transaction)
      return
    }
    const entry: OpenTransaction = { timer: setTimeout(tooLong, transactions), wasLogged: false, lastSql: undefined }
    entry.timer.unref()
    open.set(connection, entry)
    function tooLong(): void {
      entry.wasLogged = true
      const last = entry.lastSql === undefined ? '' : `; its last statement: ${entry.lastSql}`
      write(`long transaction of '${connection.label}', open for more than ${transactions} ms${last}`, transaction)
    }
  }
  subscribe('heddle:query', onQuery)
  subscribe('heddle:transaction', onTransaction)
  return () => {
    unsubscribe('heddle:query', onQuery)
    unsubscribe('heddle:transaction', onTransaction)
    for (const { timer } of open.values()) clearTimeout(timer)
    open.clear()
  }
}

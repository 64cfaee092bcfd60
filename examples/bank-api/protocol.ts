import { BankError, type ErrorCode } from './bank-error.ts'
import { type Line, TOO_LONG } from './lines.ts'

/** Bytes that one line may have, its end not counted. */
export const LONGEST_LINE = 16 * 1024

/** What a client calls its request; the answer carries it. Null where the line did not say, or could not be read. */
export type RequestId = string | number | null

/** A request as the client sent it; its arguments are not checked yet. */
export interface Request {
  readonly id: RequestId
  readonly op: string
  readonly args: Readonly<Record<string, unknown>>
}

/** What a client reads, one on a line. */
export type Answer = Success | Failure
export interface Success {
  readonly id: RequestId
  readonly ok: true
  readonly [result: string]: unknown
}
export interface Failure {
  readonly id: RequestId
  readonly ok: false
  readonly error: { readonly code: ErrorCode; readonly message: string }
}

/** A line that is no request. Carries its id where it has one. */
export class RequestError extends BankError {
  readonly id: RequestId

  constructor(code: ErrorCode, message: string, id: RequestId = null) {
    super(code, message)
    this.id = id
  }
}

/** @throws RequestError with the code 'malformed' or 'line_too_long' */
export function readRequest(line: Line): Request {
  if (line === TOO_LONG)
    throw new RequestError('line_too_long', `A line may have ${LONGEST_LINE} bytes; this one has more.`)
  const value = parse(line)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RequestError('malformed', 'A request is a JSON object such as {"id":1,"op":"balance","account":1}.')
  }
  const { id = null, op, ...args } = value as Record<string, unknown>
  if (!isRequestId(id)) throw new RequestError('malformed', "'id' must be a text, a number or null.")
  if (typeof op === 'string') return { id, op, args }
  throw new RequestError('malformed', "'op' must be the name of an operation.", id)
}

/** An answer as a line. Cents are numbers, and texts only where a number would not be exact. */
export function encode(answer: Answer): string {
  return `${JSON.stringify(answer, (_, value) => (typeof value === 'bigint' ? exact(value) : value))}\n`
}

function exact(value: bigint): number | string {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : String(value)
}

const decoder = new TextDecoder('utf-8', { fatal: true })

function parse(line: Buffer): unknown {
  let text: string
  try {
    text = decoder.decode(line)
  } catch {
    throw new RequestError('malformed', 'The line is not UTF-8.')
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new RequestError('malformed', `The line is not JSON: ${(error as Error).message}`)
  }
}

function isRequestId(value: unknown): value is RequestId {
  return value === null || typeof value === 'string' || typeof value === 'number'
}

import { OperationalError } from '../errors.ts'

/** Codes of the network, and what to look at for each. */
const advice: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there; is the server running, and on this port?',
  ENOENT: 'the Unix socket does not exist; is the server running?',
  ENOTFOUND: 'the host name is not known',
  EAI_AGAIN: 'the host name could not be looked up',
  ETIMEDOUT: 'the server did not answer in time',
  EHOSTUNREACH: 'the host cannot be reached',
  ECONNRESET: 'the server cut the connection while it was being made',
}

/** Where a connection was to be made; never with its password. */
export interface Place {
  readonly product: string
  readonly host: string
  readonly port: number
  readonly user: string | undefined
  readonly database: string | undefined
}

/**
 * The error of a connection that could not be made: names the place, tells what the server or the network said, and
 * what to look at.
 */
export function connectFailure(place: Place, error: unknown, hint?: string): OperationalError {
  const code = codeOf(error)
  const why = hint ?? (code === undefined ? undefined : advice[code])
  const where = place.host.startsWith('/') ? place.host : `${place.host}:${place.port}`
  const who = place.user === undefined ? '' : ` as '${place.user}'`
  const what = place.database === undefined ? '' : ` to the database '${place.database}'`
  const text = `Could not connect to ${place.product} at ${where}${what}${who}: ${messageOf(error)}`
  return new OperationalError(why === undefined ? text : `${text} (${why})`, {
    cause: error,
    ...(code !== undefined && { databaseCode: code }),
  })
}

/** A host with several addresses fails with one error for each, and no message of its own. */
function messageOf(error: unknown): string {
  const { message, errors } = error as { readonly message?: unknown; readonly errors?: readonly unknown[] }
  if (typeof message === 'string' && message !== '') return message
  return errors?.map(messageOf).join('; ') || codeOf(error) || 'no reason was given'
}

function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown }
  return typeof code === 'string' ? code : undefined
}

import type { Classification, FailureKind } from './classification.ts'

const kinds: Readonly<Record<string, FailureKind>> = {
  ECONNRESET: 'disconnect',
  ECONNABORTED: 'disconnect',
  EPIPE: 'disconnect',
  ETIMEDOUT: 'disconnect',
  EHOSTDOWN: 'disconnect',
  EHOSTUNREACH: 'disconnect',
  ENETDOWN: 'disconnect',
  ENETRESET: 'disconnect',
  ENETUNREACH: 'disconnect',
  ERR_STREAM_DESTROYED: 'disconnect',
  ERR_STREAM_PREMATURE_CLOSE: 'disconnect',
  ERR_STREAM_WRITE_AFTER_END: 'disconnect',
  EAI_AGAIN: 'operational',
  ECONNREFUSED: 'operational',
  ENOENT: 'operational',
  ENOTFOUND: 'operational',
}

/** Reads an error of the network below a client; undefined for any other. */
export function networkFailure(error: object): Classification | undefined {
  const { code } = error as { readonly code?: unknown }
  const kind = typeof code === 'string' && Object.hasOwn(kinds, code) ? kinds[code] : undefined
  return kind === undefined ? undefined : { kind, databaseCode: String(code) }
}

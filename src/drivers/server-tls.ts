import { readFileSync } from 'node:fs'
import { ArgumentError } from '../errors.ts'

/** What a URL asks of TLS, by the names that PostgreSQL's own client gave it. */
export interface TlsWish {
  /** 'prefer' falls back to a connection without TLS where the server has none. */
  readonly mode: 'disable' | 'prefer' | 'require'
  readonly options: TlsOptions | undefined
}

/** The options of node:tls that a URL can set. */
export interface TlsOptions {
  readonly rejectUnauthorized: boolean
  /** Whether the certificate must name the host. */
  readonly verifyIdentity: boolean
  readonly ca?: string
  readonly cert?: string
  readonly key?: string
}

const modes = ['disable', 'allow', 'prefer', 'require', 'no-verify', 'verify-ca', 'verify-full']

/** The query parameters that {@link readTls} understands. */
export const tlsParameters: readonly string[] = ['ssl', 'sslmode', 'sslrootcert', 'sslcert', 'sslkey']

/**
 * Reads `sslmode` as libpq does: `disable`; `allow` and `prefer` (TLS where the server has it); `require` (TLS, the
 * certificate is checked only where `sslrootcert` names an authority); `verify-ca`; `verify-full` (and the host's name).
 * `ssl=true` is `verify-full`, `ssl=false` is `disable`, `no-verify` is TLS without any check.
 *
 * @throws ArgumentError for an unknown mode, or a certificate file that cannot be read
 */
export function readTls(query: Readonly<Record<string, string>>): TlsWish {
  const mode = query['sslmode'] ?? modeOfSsl(query['ssl'])
  if (mode === undefined || mode === 'disable') return { mode: 'disable', options: undefined }
  if (!modes.includes(mode)) {
    throw new ArgumentError(`The URL's sslmode '${mode}' is none of ${modes.join(', ')}.`)
  }
  const ca = fileOf(query, 'sslrootcert')
  const cert = fileOf(query, 'sslcert')
  const key = fileOf(query, 'sslkey')
  const options = {
    rejectUnauthorized: mode.startsWith('verify') || (mode === 'require' && ca !== undefined),
    verifyIdentity: mode === 'verify-full',
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
  return { mode: mode === 'allow' || mode === 'prefer' ? 'prefer' : 'require', options }
}

function modeOfSsl(ssl: string | undefined): string | undefined {
  switch (ssl) {
    case undefined:
      return undefined
    case 'true':
    case '1':
    case '':
      return 'verify-full'
    case 'false':
    case '0':
      return 'disable'
    default:
      return ssl
  }
}

function fileOf(query: Readonly<Record<string, string>>, name: string): string | undefined {
  const path = query[name]
  if (path === undefined || path === 'system') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new ArgumentError(`The file '${path}' that the URL gives as ${name} cannot be read.`, { cause: error })
  }
}

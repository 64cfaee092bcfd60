import { inspect } from 'node:util'
import { UrlError } from '../errors.ts'
import { describeValue, nearest } from '../support/index.ts'
import { joinUrl, maskUrlText, splitUrl, type TextParts, UrlProblem } from './url-text.ts'

/** What one scheme of a URL stands for. */
interface Scheme {
  readonly dialect: EngineUrl['dialect']
  /** The drivers that speak to it, by the name that follows the '+' in a URL; the first is taken where none is named. */
  readonly drivers: Readonly<Record<string, string>>
}

const SCHEMES: Readonly<Record<string, Scheme>> = {
  sqlite: {
    dialect: 'sqlite',
    drivers: { node: 'node-sqlite', 'node-sqlite': 'node-sqlite', 'better-sqlite3': 'better-sqlite3' },
  },
  postgresql: { dialect: 'postgres', drivers: { pg: 'pg', pglite: 'pglite' } },
  mysql: { dialect: 'mysql', drivers: { mysql2: 'mysql2' } },
  mariadb: { dialect: 'mysql', drivers: { mysql2: 'mysql2' } },
  pglite: { dialect: 'postgres', drivers: { pglite: 'pglite' } },
}

const ALIASES: Readonly<Record<string, string>> = { postgres: 'postgresql' }

/** Drivers whose database is a file, a directory or memory of this process: no host, no user. */
const EMBEDDED = new Set(['node-sqlite', 'better-sqlite3', 'pglite'])

const FORMS = [
  'sqlite:///relative.db',
  'sqlite:////absolute.db',
  'sqlite://  (memory)',
  'postgresql://user:password@host:5432/database',
  'mysql://user:password@host:3306/database',
  'mariadb://user:password@host:3306/database',
  'pglite:///directory',
  'pglite://  (memory)',
  "and a driver can be named, as in 'sqlite+better-sqlite3:///relative.db'",
]

/** The parts from which {@link EngineUrl.create} makes a URL; none of them is percent-encoded. */
export interface UrlParts {
  /** The scheme, with a driver where one is wanted: `'postgresql'`, `'sqlite+better-sqlite3'`. */
  readonly scheme: string
  readonly user?: string | undefined
  readonly password?: string | undefined
  /** A host name or address; a path that begins with '/' is a Unix socket. */
  readonly host?: string | undefined
  readonly port?: number | undefined
  /** The database's name, or a file's or directory's path; absent for a database in memory. */
  readonly database?: string | undefined
  readonly query?: Readonly<Record<string, string>> | undefined
}

/** Where an engine's database is. Frozen; prints with its password masked, however it is printed. */
export class EngineUrl {
  /** The scheme as it was given, with its driver where one was named. */
  readonly scheme: string
  /** Which kind of SQL is spoken there. */
  readonly dialect: 'sqlite' | 'postgres' | 'mysql'
  /** The driver's full name: 'node-sqlite', 'better-sqlite3', 'pg', 'pglite' or 'mysql2'. */
  readonly driver: string
  readonly user: string | undefined
  /** A host name or address, or the path of a Unix socket. */
  readonly host: string | undefined
  readonly port: number | undefined
  /** The database's name, or a path; undefined for a database in memory. */
  readonly database: string | undefined
  readonly query: Readonly<Record<string, string>>
  readonly #password: string | undefined

  private constructor(parts: UrlParts, driver: string, dialect: EngineUrl['dialect']) {
    this.scheme = parts.scheme
    this.dialect = dialect
    this.driver = driver
    this.user = parts.user
    this.#password = parts.password
    this.host = parts.host
    this.port = parts.port
    this.database = parts.database === ':memory:' && EMBEDDED.has(driver) ? undefined : parts.database
    this.query = Object.freeze({ ...parts.query })
    Object.freeze(this)
  }

  /**
   * Makes a URL from parts that are not percent-encoded.
   * @throws UrlError when the parts make no URL
   * @example EngineUrl.create({ scheme: 'postgresql', user: 'ed', password: 'p@ss', host: 'db', database: 'shop' })
   */
  static create(parts: UrlParts): EngineUrl {
    const illFormed = illFormedProblem(parts)
    if (illFormed !== undefined) throw urlError(String(parts.scheme).toWellFormed(), illFormed)
    const text = joinUrl(textParts(parts), true)
    const { scheme, name, driver } = schemeOf(parts.scheme, text)
    const problem = partsProblem(parts) ?? (EMBEDDED.has(driver) ? embeddedProblem(parts, name) : serverProblem(parts))
    if (problem !== undefined) throw urlError(text, problem)
    return new EngineUrl(parts, driver, scheme.dialect)
  }

  /** The password; a getter of a private field, so that printing never shows it. */
  get password(): string | undefined {
    return this.#password
  }

  /** Whether the database lives in this process's memory only. */
  get inMemory(): boolean {
    return EMBEDDED.has(this.driver) && this.database === undefined
  }

  /** Whether the database is a file, a directory or memory of this process, and no server. */
  get embedded(): boolean {
    return EMBEDDED.has(this.driver)
  }

  /** Whether the database is one connection, which all take in turns: it is in memory, or an embedded server. */
  get singleConnection(): boolean {
    return this.inMemory || this.driver === 'pglite'
  }

  /**
   * The same URL with other parts; a part given as undefined is taken out.
   * @throws UrlError when the new parts make no URL
   * @example url.with({ database: 'test' })
   */
  with(parts: Partial<UrlParts>): EngineUrl {
    const { scheme, user, host, port, database, query } = this
    return EngineUrl.create({ scheme, user, password: this.#password, host, port, database, query, ...parts })
  }

  /** The URL as text. The password is masked unless `hidePassword` is false; then `parseUrl` reads it back. */
  render(options: { readonly hidePassword?: boolean } = {}): string {
    return joinUrl(textParts({ ...this, password: this.#password }), options.hidePassword ?? true)
  }

  toString(): string {
    return this.render()
  }

  toJSON(): string {
    return this.render()
  }

  [inspect.custom](): string {
    return `EngineUrl(${this.render()})`
  }
}

/**
 * Reads a database URL. Every part may be percent-encoded, and has to be where a character of it separates parts.
 *
 * - `sqlite:///relative.db`, `sqlite:////absolute.db`, `sqlite://` and `sqlite:///:memory:` (in memory)
 * - `postgresql://user:password@host:5432/database` (`postgres://` is the same), `mysql://…`, `mariadb://…`
 * - a Unix socket: `postgresql://user@/database?host=/var/run/postgresql`, `mysql://user@/database?socket=/run/mysqld.sock`
 * - `pglite:///directory`, `pglite://` (in memory)
 * - with a driver: `sqlite+better-sqlite3:///relative.db`, `postgresql+pg://…`, `postgresql+pglite:///directory`
 *
 * @throws UrlError which quotes the URL with its password masked and says what is wrong with it
 */
export function parseUrl(text: string): EngineUrl {
  if (typeof text !== 'string')
    throw new UrlError(`A database URL is a string; ${describeValue(text)} was given. ${forms()}`)
  if (!text.isWellFormed()) throw urlError(maskUrlText(text.toWellFormed()), 'has half of a surrogate pair in it')
  if (text.trim() !== text || text === '') throw urlError(maskUrlText(text), 'is empty or has spaces around it')
  try {
    const { path, query, ...parts } = splitUrl(text)
    const { name, driver } = schemeOf(parts.scheme, maskUrlText(text))
    if (path === '' && EMBEDDED.has(driver)) {
      throw new UrlProblem(`names no database after its third slash; one in memory is written '${name}://'`)
    }
    return EngineUrl.create({ ...withSocket(parts, query, driver), database: path === '' ? undefined : path })
  } catch (error) {
    if (!(error instanceof UrlProblem)) throw error
    throw urlError(maskUrlText(text), error.text)
  }
}

const SOCKET_KEYS: Readonly<Record<string, readonly string[]>> = {
  postgres: ['host'],
  mysql: ['socket', 'unix_socket', 'socketPath'],
}

/** Moves a host that is given by query (a Unix socket) to where hosts are. */
function withSocket<P extends { readonly host: string | undefined }>(
  parts: P,
  query: Readonly<Record<string, string>>,
  driver: string,
): P & { readonly query: Readonly<Record<string, string>> } {
  const key = (SOCKET_KEYS[driver === 'mysql2' ? 'mysql' : 'postgres'] ?? []).find((name) => name in query)
  if (key === undefined || EMBEDDED.has(driver)) return { ...parts, query }
  if (parts.host !== undefined) throw new UrlProblem(`names a host twice: before the database and as '${key}' after it`)
  const { [key]: host, ...rest } = query
  return { ...parts, host, query: rest }
}

function textParts(parts: UrlParts): TextParts {
  return {
    scheme: String(parts.scheme),
    user: parts.user,
    password: parts.password,
    host: parts.host,
    port: parts.port,
    path: parts.database,
    query: parts.query ?? {},
  }
}

function schemeOf(
  text: string,
  shown: string,
): { readonly name: string; readonly scheme: Scheme; readonly driver: string } {
  const [given = '', wanted] = String(text).split(/\+(.*)/s)
  const name = ALIASES[given] ?? given
  const scheme = Object.hasOwn(SCHEMES, name) ? SCHEMES[name] : undefined
  if (!scheme) {
    const known = [...Object.keys(SCHEMES), ...Object.keys(ALIASES)]
    throw urlError(shown, `has the unknown scheme '${given}'${didYouMean(given, known)}`)
  }
  const suffix = wanted ?? Object.keys(scheme.drivers)[0] ?? ''
  const driver = Object.hasOwn(scheme.drivers, suffix) ? scheme.drivers[suffix] : undefined
  if (driver !== undefined) return { name, scheme, driver }
  const known = Object.keys(scheme.drivers)
  const hint = didYouMean(suffix, known) || `; those of ${name} are ${known.join(', ')}`
  throw urlError(shown, `names the unknown driver '${suffix}'${hint}`)
}

/** Half of a surrogate pair cannot be percent-encoded, nor sent to any server. */
function illFormedProblem({ scheme, user, password, host, database, query }: UrlParts): string | undefined {
  const texts = { scheme, user, password, host, database }
  const all = [
    ...Object.entries(texts),
    ...Object.entries(query ?? {}),
    ...Object.keys(query ?? {}).map((key) => ['query', key]),
  ]
  const wrong = all.find(([, value]) => typeof value === 'string' && !value.isWellFormed())
  return wrong && `has half of a surrogate pair in its part '${String(wrong[0]).toWellFormed()}'`
}

/** What is wrong with the parts by themselves. */
function partsProblem(parts: UrlParts): string | undefined {
  for (const key of ['user', 'password', 'host', 'database'] as const) {
    if (parts[key] !== undefined && typeof parts[key] !== 'string') return `has a ${key} that is no string`
  }
  const { port } = parts
  if (port !== undefined && !(Number.isInteger(port) && port >= 1 && port <= 65_535)) {
    return 'has a port that is no number from 1 to 65535'
  }
  const wrong = Object.entries(parts.query ?? {}).find(([, value]) => typeof value !== 'string')
  return wrong && `has the query parameter '${wrong[0]}', whose value is no string`
}

function embeddedProblem(parts: UrlParts, name: string): string | undefined {
  const stray = (['user', 'password', 'host', 'port'] as const).find((key) => parts[key] !== undefined)
  if (stray !== undefined) {
    return (
      `names a ${stray}, but this database has none; a file is written with three slashes ` +
      `('${name}:///relative'), one with an absolute path with four`
    )
  }
  return parts.database === '' ? `names an empty database; leave it out for one in memory` : undefined
}

function serverProblem(parts: UrlParts): string | undefined {
  if (parts.password !== undefined && parts.user === undefined) return 'has a password but no user'
  if (!parts.database) return `names no database; it follows the host: '${String(parts.scheme)}://host/database'`
  return undefined
}

function urlError(shown: string, problem: string): UrlError {
  return new UrlError(`The database URL '${shown}' ${problem}${problem.endsWith('?') ? '' : '.'} ${forms()}`)
}

function didYouMean(given: string, known: readonly string[]): string {
  const near = nearest(given, known)
  return near === undefined ? '' : `; did you mean '${near}'?`
}

function forms(): string {
  return `The forms are:\n  ${FORMS.join('\n  ')}`
}

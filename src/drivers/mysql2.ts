/**
 * MySQL and MariaDB by the package `mysql2`. What values look like, raw and `typed`, stands at the top of
 * `mysql-values.ts`; what parameters may be, in `mysql-parameters.ts`. Statements with a name or with values are prepared
 * and kept, a bounded number of them; values never travel inside of the text.
 *
 * Every session: time zone UTC, utf8mb4, autocommit, and one strict `sql_mode`. A count of rows is of those matched.
 *
 * Query parameters of the URL: `sslmode`, `ssl`, `sslrootcert`, `sslcert`, `sslkey` (see `server-tls.ts`), `ssl-mode` (as
 * the mysql client has it), `connectTimeout` (milliseconds; 0 waits for ever), `socketTimeout` (milliseconds of silence after
 * which a connection is given up while an answer is awaited; 0, the default, waits for ever), `charset` (utf8mb4 only), `pipelining`
 * (false: START TRANSACTION never leaves before it is needed to; for proxies that take one command at a time).
 * `connectArgs` are options of mysql2's `createConnection`, and win; `socketTimeout` may be among them.
 */
import { isIP } from 'node:net'
import { ArgumentError, DriverMissingError } from '../errors.ts'
import { abortable } from '../support/index.ts'
import type { Driver, DriverConnection, DriverTarget, OpenDriver, ServerInfo } from './driver.ts'
import type { MysqlClient, MysqlModule } from './mysql-client.ts'
import { MysqlConnection } from './mysql-connection.ts'
import { encodeMysqlParameters } from './mysql-parameters.ts'
import { connectFailure } from './server-failure.ts'
import { importPackage } from './server-package.ts'
import { readSocketTimeout } from './server-silence.ts'
import { readTls, type TlsWish, tlsParameters } from './server-tls.ts'

/**
 * Without STRICT_TRANS_TABLES values that do not fit are cut to fit, without NO_AUTO_VALUE_ON_ZERO a key that is given as
 * 0 is replaced by a generated one. ANSI_QUOTES and NO_BACKSLASH_ESCAPES would change the syntax.
 */
const sqlMode = [
  'STRICT_TRANS_TABLES',
  'ERROR_FOR_DIVISION_BY_ZERO',
  'NO_ZERO_DATE',
  'NO_ZERO_IN_DATE',
  'NO_ENGINE_SUBSTITUTION',
  'NO_AUTO_VALUE_ON_ZERO',
].join(',')
const setup = `SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = '${sqlMode}', autocommit = 1`

/** How values and rows come is what the decoding is built on. */
const ownOptions = {
  charset: 'utf8mb4',
  timezone: 'Z',
  supportBigNumbers: true,
  bigNumberStrings: false,
  decimalNumbers: false,
  dateStrings: ['DATE', 'DATETIME', 'TIMESTAMP'],
  jsonStrings: true,
  rowsAsArray: true,
  nestTables: false,
  namedPlaceholders: false,
  typeCast: true,
  multipleStatements: false,
}

const ownParameters = [...tlsParameters, 'ssl-mode', 'connectTimeout', 'socketTimeout', 'charset', 'pipelining']
const defaultConnectTimeout = 10_000
const defaultMaxPrepared = 500

/** The modes of the mysql client by those of libpq. */
const sslModes: Readonly<Record<string, string>> = {
  DISABLED: 'disable',
  PREFERRED: 'prefer',
  REQUIRED: 'require',
  VERIFY_CA: 'verify-ca',
  VERIFY_IDENTITY: 'verify-full',
}

/** Opens the driver `mysql2`, for MySQL and MariaDB. */
export const openMysql2: OpenDriver = async (target) => {
  checkTarget(target)
  const mysql = await importPackage<MysqlModule>('mysql2', () => import('mysql2'))
  const integers = mysql.TypedParameter?.LONGLONG
  if (integers === undefined) {
    throw new DriverMissingError(
      'The installed package mysql2 is too old: it cannot send integers as integers. Install it: npm install mysql2@latest',
    )
  }
  return new MysqlDriver(mysql, target, (values) => encodeMysqlParameters(values, integers))
}

class MysqlDriver implements Driver {
  readonly name = 'mysql2'
  readonly #mysql: MysqlModule
  readonly #target: DriverTarget
  readonly #tls: TlsWish
  readonly #socketTimeout: number
  readonly #encode: (values: readonly unknown[]) => unknown[]
  readonly #pipelining: boolean

  constructor(mysql: MysqlModule, target: DriverTarget, encode: (values: readonly unknown[]) => unknown[]) {
    this.#mysql = mysql
    this.#target = target
    this.#tls = readTls(withSslMode(target.query))
    this.#socketTimeout = readSocketTimeout(target)
    this.#encode = encode
    this.#pipelining = readPipelining(target.query['pipelining'])
  }

  async connect(options: { readonly signal?: AbortSignal }): Promise<DriverConnection> {
    const client = await this.#connect(options.signal)
    try {
      const server = await abortable(this.#setUp(client), options.signal)
      const killQuery = (threadId: number) => this.#kill(threadId)
      const [encode, socketTimeout] = [this.#encode, this.#socketTimeout]
      const pipelining = this.#pipelining && server.product === 'mariadb'
      return new MysqlConnection(client, { server, encode, setup, killQuery, socketTimeout, pipelining })
    } catch (error) {
      client.stream.destroy()
      options.signal?.throwIfAborted()
      throw connectFailure(this.#place(), error)
    }
  }

  async dispose(): Promise<void> {}

  /** What follows the handshake, within the time that mysql2 gives to that. */
  async #setUp(client: MysqlClient): Promise<ServerInfo> {
    const { connectArgs, query } = this.#target
    const patience = Number(connectArgs['connectTimeout'] ?? readTimeout(query['connectTimeout']))
    const late = () => client.stream.destroy(Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' }))
    client.stream.setTimeout(patience).once('timeout', late)
    const server = await setUp(client)
    client.stream.setTimeout(0).off('timeout', late)
    return server
  }

  async #connect(signal: AbortSignal | undefined): Promise<MysqlClient> {
    signal?.throwIfAborted()
    const { mode } = this.#tls
    try {
      return await this.#open(mode !== 'disable', signal)
    } catch (error) {
      const { code } = (error ?? {}) as { readonly code?: unknown }
      signal?.throwIfAborted()
      if (error instanceof ArgumentError) throw error
      if (mode !== 'prefer' || code !== 'HANDSHAKE_NO_SSL_SUPPORT') {
        throw connectFailure(this.#place(), error, hintOf(code))
      }
      return await this.#open(false, signal).catch((second: unknown) => {
        throw connectFailure(this.#place(), second)
      })
    }
  }

  async #open(tls: boolean, signal: AbortSignal | undefined): Promise<MysqlClient> {
    const options = clientOptions(this.#target, tls ? this.#tls : undefined)
    refuseUncheckedHost(options)
    const client = this.#mysql.createConnection(options)
    // An error event without a listener would end the process.
    client.on('error', () => undefined)
    const connected = new Promise<void>((resolve, reject) => {
      client.connect((error) => (error ? reject(error) : resolve()))
    })
    try {
      await abortable(connected, signal)
      return client
    } catch (error) {
      client.stream.destroy()
      throw error
    }
  }

  async #kill(threadId: number): Promise<void> {
    const client = await this.#connect(undefined)
    try {
      await ask(client, `KILL QUERY ${threadId}`)
    } catch (error) {
      if ((error as { errno?: unknown }).errno !== unknownThread) throw error
    } finally {
      client.end(() => undefined)
    }
  }

  #place() {
    const { host, port, user, database } = this.#target
    return { product: 'MySQL or MariaDB', host: host ?? 'localhost', port: port ?? 3306, user, database }
  }
}

/** The connection to be stopped has ended by itself. */
const unknownThread = 1094

function checkTarget(target: DriverTarget): void {
  const unknown = Object.keys(target.query).find((name) => !ownParameters.includes(name))
  if (unknown !== undefined) {
    throw new ArgumentError(
      `The URL of a MySQL database has no parameter '${unknown}'; there are ${ownParameters.join(', ')}.`,
    )
  }
  const charset = target.query['charset']
  if (charset !== undefined && !/^utf8mb4/i.test(charset)) {
    throw new ArgumentError(`heddle speaks utf8mb4 with MySQL; the URL asks for the character set '${charset}'.`)
  }
  const fixed = Object.keys(target.connectArgs).find((name) => Object.hasOwn(ownOptions, name))
  if (fixed !== undefined) {
    throw new ArgumentError(`connectArgs may not set '${fixed}': heddle's reading of values depends on it.`)
  }
}

function clientOptions(target: DriverTarget, tls: TlsWish | undefined): Readonly<Record<string, unknown>> {
  const { host, port, user, password, database, query } = target
  const { socketTimeout, ...connectArgs } = target.connectArgs
  return {
    ...(host?.startsWith('/') ? { socketPath: host } : host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(tls?.options !== undefined && { ssl: { ...tls.options } }),
    connectTimeout: readTimeout(query['connectTimeout']),
    maxPreparedStatements: defaultMaxPrepared,
    flags: ['-IGNORE_SPACE', '-LOCAL_FILES'],
    ...connectArgs,
    ...ownOptions,
  }
}

/**
 * mysql2 checks the certificate of a host that is given by its address against the name 'localhost', which is no check.
 * @throws ArgumentError where the name is to be checked and there is none
 */
function refuseUncheckedHost({ host, ssl }: Readonly<Record<string, unknown>>): void {
  const { verifyIdentity } = (ssl ?? {}) as { readonly verifyIdentity?: unknown }
  if (!verifyIdentity || typeof host !== 'string' || isIP(host) === 0) return
  throw new ArgumentError(
    `The certificate of '${host}' cannot be checked against an address. Give the host by the name that its certificate has, ` +
      'or ask for sslmode=verify-ca, which checks the authority alone.',
  )
}

function withSslMode(query: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const given = query['ssl-mode']
  if (given === undefined) return query
  const sslmode = sslModes[given.toUpperCase()]
  if (sslmode !== undefined) return { ...query, sslmode }
  throw new ArgumentError(`The URL's ssl-mode '${given}' is none of ${Object.keys(sslModes).join(', ')}.`)
}

function readPipelining(text: string | undefined): boolean {
  if (text === undefined || text === 'true') return true
  if (text === 'false') return false
  throw new ArgumentError(`The URL's pipelining is true or false; '${text}' was given.`)
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return defaultConnectTimeout
  const timeout = Number(text)
  if (text !== '' && Number.isFinite(timeout) && timeout >= 0) return timeout
  throw new ArgumentError(`The URL's connectTimeout is a number of milliseconds; '${text}' was given.`)
}

/** Makes the session what heddle works with, and asks the server what it is. */
async function setUp(client: MysqlClient): Promise<ServerInfo> {
  await ask(client, setup)
  const [row] = (await ask(client, 'SELECT @@version, @@auto_increment_increment')) as [readonly unknown[]]
  const full = String(row[0])
  const autoIncrementIncrement = Number(row[1])
  return {
    product: /mariadb/i.test(full) ? 'mariadb' : 'mysql',
    version: full.replace(/^5\.5\.5-/, '').split('-')[0] ?? full,
    ...(autoIncrementIncrement !== 1 && { autoIncrementIncrement }),
  }
}

function ask(client: MysqlClient, sql: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.query({ sql }, (error, rows) => (error ? reject(error) : resolve(rows)))
  })
}

function hintOf(code: unknown): string | undefined {
  switch (code) {
    case 'ER_ACCESS_DENIED_ERROR':
      return 'check the user and the password'
    case 'ER_BAD_DB_ERROR':
      return 'create the database first'
    case 'ER_CON_COUNT_ERROR':
      return 'the server has no connection left; make the pools smaller or its max_connections larger'
    default:
      return undefined
  }
}

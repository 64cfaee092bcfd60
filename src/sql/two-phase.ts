import type { BeginOptions } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { Dialect } from './dialect.ts'

/** How one database writes a two-phase commit. */
export interface TwoPhaseTexts {
  /** The bytes of a transaction's name at most. */
  readonly maxXidBytes: number
  /** What begins it; undefined where an ordinary BEGIN does. */
  begin(xid: string, options: BeginOptions): readonly string[] | undefined
  prepare(xid: string): readonly string[]
  /** Both are for a transaction that is prepared. */
  commit(xid: string): string
  rollback(xid: string): string
  /** What rolls back one that is not prepared, undefined where an ordinary ROLLBACK does. `end` may fail: it may have ended already. */
  abandon(xid: string): { readonly end: string; readonly rollback: string } | undefined
  /** Lists the transactions that are prepared. */
  readonly recover: string
  /** Their names, from the rows of `recover`. */
  xidsIn(rows: readonly unknown[]): readonly string[]
  /** What to do about a server that cannot prepare; undefined where the error is of another kind. */
  advice(error: unknown): string | undefined
}

const safe = /^[\w.:-]+$/

/** PostgreSQL prepares the transaction that is open. Afterwards it is no connection's own. */
const postgres: TwoPhaseTexts = {
  maxXidBytes: 199,
  begin: () => undefined,
  prepare: (xid) => [`PREPARE TRANSACTION ${quotePostgres(xid)}`],
  commit: (xid) => `COMMIT PREPARED ${quotePostgres(xid)}`,
  rollback: (xid) => `ROLLBACK PREPARED ${quotePostgres(xid)}`,
  abandon: () => undefined,
  recover: 'SELECT gid FROM pg_prepared_xacts WHERE database = current_database() ORDER BY prepared, gid',
  xidsIn: (rows) => rows.map((row) => String((row as { readonly gid: unknown }).gid)),
  advice: (error) => {
    const code = (error as { readonly code?: unknown } | null)?.code
    if (code === '55000') return 'set max_prepared_transactions to more than 0 on the server and restart it'
    if (code !== '53200') return undefined
    return 'finish what is prepared (see recoverTwoPhase()), or set max_prepared_transactions higher and restart the server'
  },
}

interface XaRow {
  readonly formatID: unknown
  readonly bqual_length: unknown
  readonly data: unknown
}

/** MySQL and MariaDB name the transaction at its beginning, and a session keeps it until it is finished or the session ends. */
const mysql: TwoPhaseTexts = {
  maxXidBytes: 64,
  begin: (xid, { isolation, readOnly }) => [
    ...(isolation === undefined ? [] : [`SET TRANSACTION ISOLATION LEVEL ${isolation.toUpperCase()}`]),
    ...(readOnly ? ['SET TRANSACTION READ ONLY'] : []),
    `XA START ${quoteMysql(xid)}`,
  ],
  prepare: (xid) => [`XA END ${quoteMysql(xid)}`, `XA PREPARE ${quoteMysql(xid)}`],
  commit: (xid) => `XA COMMIT ${quoteMysql(xid)}`,
  rollback: (xid) => `XA ROLLBACK ${quoteMysql(xid)}`,
  abandon: (xid) => ({ end: `XA END ${quoteMysql(xid)}`, rollback: `XA ROLLBACK ${quoteMysql(xid)}` }),
  recover: 'XA RECOVER',
  xidsIn: (rows) => (rows as readonly XaRow[]).filter(isOfOnePart).map(({ data }) => textOf(data)),
  advice: () => undefined,
}

const texts: Readonly<Record<Dialect['name'], TwoPhaseTexts | undefined>> = { sqlite: undefined, postgres, mysql }

/** How the database of a dialect writes a two-phase commit; undefined where it has none (the capability `twoPhase`). */
export function twoPhaseTexts(dialect: Dialect): TwoPhaseTexts | undefined {
  return dialect.capabilities.twoPhase ? texts[dialect.name] : undefined
}

/** @throws ArgumentError for a name that the database does not take */
export function checkXid(xid: unknown, { maxXidBytes }: TwoPhaseTexts): asserts xid is string {
  const fits = typeof xid === 'string' && xid !== '' && !xid.includes('\0') && Buffer.byteLength(xid) <= maxXidBytes
  if (fits) return
  throw new ArgumentError(
    `The name of a two-phase transaction is a text of 1 to ${maxXidBytes} bytes, without a zero character; ` +
      `${typeof xid === 'string' ? `one of ${Buffer.byteLength(xid)} bytes` : `a value of type ${typeof xid}`} was given.`,
  )
}

function quotePostgres(xid: string): string {
  return safe.test(xid) ? `'${xid}'` : `E'${xid.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`
}

/** By its bytes, where quotes or an SQL mode could change its meaning. */
function quoteMysql(xid: string): string {
  return safe.test(xid) ? `'${xid}'` : `X'${Buffer.from(xid).toString('hex')}'`
}

/** Names of two parts, or of another format, are those of other programs. */
function isOfOnePart({ formatID, bqual_length }: XaRow): boolean {
  return Number(formatID) === 1 && Number(bqual_length) === 0
}

function textOf(data: unknown): string {
  return data instanceof Uint8Array ? Buffer.from(data).toString() : String(data)
}

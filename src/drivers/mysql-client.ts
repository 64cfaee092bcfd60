import type { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'

/** A column as mysql2 describes it. */
export interface MysqlField {
  readonly name: string
  /** By which mysql2 reads the values. */
  columnType: number
  readonly columnLength: number
  characterSet: number
  /** Of a text. */
  encoding?: string
  /** Whether its times come as they are sent: see `askForPackedTimes`. */
  hasPackedTimes?: boolean
  /** 'json' where MariaDB tells that a text is JSON. */
  readonly extendedFormat?: string
}

/** What a statement that returns no rows gives. */
export interface MysqlHeader {
  readonly affectedRows: number
  readonly insertId: number | string
  readonly serverStatus: number
}

type Done = (error: unknown, rows?: unknown, fields?: unknown) => void

/** A statement for mysql2; rows are arrays by the connection's own options. */
export interface MysqlCommand {
  readonly sql: string
  readonly values?: readonly unknown[]
}

/** The part of mysql2's connection that heddle uses. */
export interface MysqlClient extends EventEmitter {
  readonly stream: Socket
  readonly threadId: number
  connect(done: (error: unknown) => void): void
  query(command: MysqlCommand, done?: Done): EventEmitter
  execute(command: MysqlCommand, done?: Done): EventEmitter
  ping(done: (error: unknown) => void): void
  reset(done: (error: unknown) => void): void
  end(done: (error: unknown) => void): void
  pause(): void
  resume(): void
}

interface IntegerParameter {
  (value: bigint | number): unknown
  unsigned(value: bigint | number): unknown
}

/** The package mysql2. */
export interface MysqlModule {
  createConnection(options: Readonly<Record<string, unknown>>): MysqlClient
  readonly TypedParameter?: { readonly LONGLONG: IntegerParameter }
}

/** Bits of the server's status, sent with every answer that has no rows. */
export const serverStatus = { inTransaction: 1, autocommit: 2 } as const

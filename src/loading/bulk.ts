import type { OperationNode } from 'kysely'
import type { Statement } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { Evaluate } from './evaluate.ts'

/**
 * How the instances of the session hear of a bulk write: `'evaluate'` decides the conditions in memory, `'fetch'` asks the database
 * which rows it wrote, `'auto'` does the first where it can and else the second, `false` leaves them as they are.
 */
export type Synchronize = 'auto' | 'evaluate' | 'fetch' | false

/** A column that a bulk update sets. */
export interface Assignment {
  readonly column: ColumnModel
  /** What is stored; undefined where the database works it out. */
  readonly value: unknown
  /** What an instance holds afterwards, from its own value of the column; for counters. */
  readonly next?: (value: unknown) => unknown
  readonly node: OperationNode
}

/** An UPDATE or DELETE of the rows that a query means. */
export interface BulkWrite {
  readonly verb: 'update' | 'delete'
  readonly model: EntityModel
  readonly assignments: readonly Assignment[]
  readonly synchronize: Synchronize
  /** Decides in memory whether an instance is among the rows; undefined where only the database can. */
  readonly matches: Evaluate | undefined
  readonly autoflush: boolean | undefined
  readonly executionOptions: Readonly<Record<string, unknown>> | undefined
  /** Whether the updated instances are wanted. */
  readonly returning: boolean
  /** The statement; with what rows it is to return. */
  statement(returning: readonly ColumnModel[]): Statement
  /** A select of the keys of the rows, which locks them where the database can. */
  keys(): Statement
}

/** The part of a bulk write that the call decides. */
export interface BulkOptions {
  /** Default: `'auto'`. */
  readonly synchronize?: Synchronize
}

import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import type { RowReader } from './row-reader.ts'

/** How rows of one selection become instances: made once for each entity, selection and dialect. */
export interface Hydration {
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  /** The rows hold exactly the entity's columns in its order, so that a row can serve as the instance's values. */
  readonly whole: boolean
  /** The rows hold all columns that queries read, so that an instance is not expired any more. */
  readonly complete: boolean
  /** Decodes rows, and finds their identity. */
  readonly reader: RowReader
  /** The places of times that come as milliseconds, and are kept so until they are read. */
  readonly moments: readonly number[]
  /** An identity does not tell the values of the key: it has several, or stands for them in another form. */
  readonly keepsKey: boolean
  /** Of a family whose rows tell their class: the hydration of a row's class; undefined for a class that is not asked for. */
  readonly kindOf: ((row: readonly unknown[]) => Hydration | undefined) | undefined
}

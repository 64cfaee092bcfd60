import type { ColumnModel, EntityModel } from '../mapping/index.ts'

/** Turns a driver's value into the program's. */
export type Decode = (value: never) => unknown

/** How rows of one selection become instances: made once for each entity, selection and dialect. */
export interface Hydration {
  readonly model: EntityModel
  readonly columns: readonly ColumnModel[]
  /** The rows hold exactly the entity's columns in its order, so that a row can serve as the instance's values. */
  readonly whole: boolean
  /** The rows hold all columns that queries read, so that an instance is not expired any more. */
  readonly complete: boolean
  /** Where a value has to be decoded: its place in the row, and how. */
  readonly decoders: readonly (readonly [place: number, decode: Decode])[]
  /** An identity does not tell the values of the key: it has several, or stands for them in another form. */
  readonly keepsKey: boolean
  /** The places of the key's columns in the row. */
  readonly keyPlaces: readonly number[]
  /** Of a family whose rows tell their class: the hydration of a row's class; undefined for a class that is not asked for. */
  readonly kindOf: ((row: readonly unknown[]) => Hydration | undefined) | undefined
}

import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { type IdentityKey, identityOf } from '../state/index.ts'

/** Turns a driver's value into the program's. */
export type Decode = (value: never) => unknown

/** What is known of the rows of a selection. */
export interface RowLayout {
  readonly model: EntityModel
  /** Where a value has to be decoded: its place in the row, and how. */
  readonly decoders: readonly (readonly [place: number, decode: Decode])[]
  /** The places of the key's columns in the row. */
  readonly keyPlaces: readonly number[]
}

/** Decodes the values of a row in place, and gives the identity of the row; undefined for one without a key, as of an outer join. */
export type ReadRow = (row: unknown[]) => IdentityKey | undefined

/** Rows after which code is generated for a selection: for fewer it would cost more than it saves. */
const ROWS_WORTH_IT = 200

/**
 * Reads the rows of one selection. At first by a loop over what has to be decoded; for a selection that brings many rows by code that is
 * generated for it, where that is allowed.
 */
export class RowReader {
  readonly #layout: RowLayout
  #read: ReadRow
  /** Rows until code is generated; NaN once that is settled. */
  #left = ROWS_WORTH_IT

  constructor(layout: RowLayout) {
    this.#layout = layout
    this.#read = loopingReader(layout)
  }

  /** The function for so many rows. */
  for(rows: number): ReadRow {
    this.#left -= rows
    if (this.#left < 0) {
      this.#left = Number.NaN
      this.#read = generatedReader(this.#layout) ?? this.#read
    }
    return this.#read
  }
}

/** By a loop: for few rows, and where no code may be generated. */
export function loopingReader({ model, decoders, keyPlaces }: RowLayout): ReadRow {
  const [place] = keyPlaces as [number]
  const { keyOf } = (model.key[0] as ColumnModel).type
  return (row) => {
    for (const [at, decode] of decoders) {
      const value = row[at]
      if (value !== null) row[at] = decode(value as never)
    }
    if (keyPlaces.length > 1) return identityOf(model, partsOf(row, keyPlaces))
    const value = row[place]
    if (value === null || value === undefined) return undefined
    return keyOf === undefined ? (value as IdentityKey) : keyOf(value)
  }
}

/** The same as straight code with the places written into it; undefined where code generation is forbidden. */
export function generatedReader(layout: RowLayout): ReadRow | undefined {
  const { model, decoders, keyPlaces } = layout
  const names = decoders.map((_, i) => `decode${i}`)
  const lines = decoders.map(([at], i) => `value = row[${at}]; if (value !== null) row[${at}] = decode${i}(value)`)
  const [place] = keyPlaces
  const { keyOf } = (model.key[0] as ColumnModel).type
  const one = keyOf === undefined ? 'value' : 'keyOf(value)'
  const key =
    keyPlaces.length > 1
      ? `return identityOf(model, [${keyPlaces.map((at) => `row[${at}]`).join(', ')}])`
      : `value = row[${place}]; return value === null || value === undefined ? undefined : ${one}`
  const source = `'use strict'; return (row) => { let value; ${[...lines, key].join('; ')} }`
  try {
    const make = new Function(...names, 'keyOf', 'identityOf', 'model', source)
    return make(...decoders.map(([, decode]) => decode), keyOf, identityOf, model) as ReadRow
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

function partsOf(row: readonly unknown[], places: readonly number[]): unknown[] {
  return places.map((place) => row[place])
}

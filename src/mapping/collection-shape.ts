import { MappingError } from '../errors.ts'
import { found } from './found.ts'
import type { ColumnModel, EntityModel } from './model.ts'
import { suggestion } from './option-names.ts'

/**
 * What a collection is to the program: an array, a set, nothing that is ever loaded (`'writeOnly'`), or a map whose keys are taken from the members: a property of theirs, or what
 * a function makes of a member.
 */
export type CollectionShape = 'array' | 'set' | 'writeOnly' | KeyedBy

/** A collection whose members are found by a key of their own. */
export interface KeyedBy {
  /** A column of the members, or a function that makes the key of one; give it the type of its argument. */
  readonly keyedBy: string | ((member: never) => unknown)
}

/** How the key of a member is found. */
export interface MemberKey {
  /** As messages call it. */
  readonly name: string
  /** The column that holds it; undefined where `make` makes it. */
  readonly column: ColumnModel | undefined
  readonly make: ((member: object) => unknown) | undefined
}

/** The shape of a collection, checked. */
export type ShapeModel = 'array' | 'set' | MemberKey

/** Whether a value says what a collection is. */
export function isCollectionShape(value: unknown): value is CollectionShape {
  if (value === 'array' || value === 'set' || value === 'writeOnly') return true
  if (typeof value !== 'object' || value === null || Object.keys(value).join() !== 'keyedBy') return false
  const { keyedBy } = value as KeyedBy
  return typeof keyedBy === 'function' || (typeof keyedBy === 'string' && keyedBy !== '')
}

/** Kinds whose values are equal where `===` says so: only they find a member in a map. */
const COMPARABLE: ReadonlySet<string> = new Set([
  ...['integer', 'bigint', 'real', 'text', 'varchar', 'boolean', 'date', 'uuid', 'enumeration'],
])

/**
 * Checks the shape against the entity of the members.
 *
 * @param place how messages begin
 * @throws MappingError for a key that is no column of the members, or whose values cannot be looked up
 */
export function shapeModel(place: string, shape: CollectionShape | undefined, target: EntityModel): ShapeModel {
  if (shape === undefined || shape === 'array' || shape === 'writeOnly') return 'array'
  if (shape === 'set') return 'set'
  const { keyedBy } = shape
  if (typeof keyedBy === 'function') {
    return Object.freeze({ name: 'key', column: undefined, make: keyedBy as (member: object) => unknown })
  }
  const column = target.columnOf.get(keyedBy)
  if (column === undefined) {
    throw new MappingError(
      `${place}: keyedBy '${keyedBy}' is no column of ${target.name}; ${suggestion(keyedBy, target.columnOf.keys())} A function ` +
        'makes keys of anything else: { keyedBy: (member: …) => … }.',
    )
  }
  if (!COMPARABLE.has(column.type.kind) || column.type.convert !== undefined) {
    throw new MappingError(
      `${place}: keyedBy '${keyedBy}': two equal values of the column are not the same to a Map (${describeType(column)}); give a ` +
        `function that makes a string or number of it: { keyedBy: (member: …) => String(member.${keyedBy}) }.`,
    )
  }
  return Object.freeze({ name: keyedBy, column, make: undefined })
}

function describeType({ type }: ColumnModel): string {
  return type.convert === undefined ? `${type.kind}()` : `custom() over ${found(type.kind)}`
}

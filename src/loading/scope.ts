import type { ArgumentError } from '../errors.ts'
import type { BoundColumn, EntityTable } from './entity-table.ts'

/** What the names in a query's conditions may refer to: its own entity, and those that it has joined. */
export interface Scope {
  readonly own: EntityTable
  readonly joined: readonly EntityTable[]
}

/** A property that a query named, found. */
export interface Located {
  readonly table: EntityTable
  readonly column: BoundColumn
  /** Tells the column from every other of the query, as a part of a shape. */
  readonly key: string
}

/** The scope of a query that has joined nothing. */
export function scopeOf(own: EntityTable): Scope {
  return { own, joined: none }
}

const none: readonly EntityTable[] = []

/**
 * The column that a reference means: a property alone, or behind the name of a table. Undefined where it may mean a table that the
 * query does not know.
 *
 * @throws ArgumentError for a property that the named entity does not have
 */
export function locate({ own, joined }: Scope, call: string, reference: string): Located | undefined {
  const column = own.find(reference)
  if (column !== undefined) return { table: own, column, key: String(column.model.index) }
  const dot = reference.lastIndexOf('.')
  if (dot < 0) return undefined
  const place = joined.findIndex(({ name }) => name === reference.slice(0, dot))
  const table = joined[place]
  if (table === undefined) return undefined
  const found = table.property(reference.slice(dot + 1))
  if (found === undefined) throw table.unknownProperty(call, reference.slice(dot + 1))
  return { table, column: found, key: `${place + 1}.${found.model.index}` }
}

/** The error for a name without a table that no property of the query's entity has. */
export function unknownName({ own }: Scope, call: string, name: string): ArgumentError {
  return own.unknownProperty(call, name)
}

import { Buffer } from 'node:buffer'
import { createHash } from 'node:crypto'
import type { EntityModel, IndexModel } from '../mapping/index.ts'
import type { Dialect } from './dialect.ts'

/** PostgreSQL cuts longer names silently, MySQL refuses those beyond 64. */
const LONGEST = 63

/** `schema.table`, or the table alone: the form that Kysely's builders take. */
export function qualifiedTable(dialect: Dialect, model: EntityModel): string {
  const table = dialect.tableName(model)
  return model.schema === undefined ? table : `${model.schema}.${table}`
}

/** The names in the database of some properties. */
export function columnNames(dialect: Dialect, model: EntityModel, properties: readonly string[]): string[] {
  return properties.map((property) => {
    const column = model.columnOf.get(property)
    return column === undefined ? property : dialect.columnName(column)
  })
}

/** The name of an index: its own, or one made of table and columns as PostgreSQL does it. */
export function indexName(dialect: Dialect, model: EntityModel, index: IndexModel): string {
  if (index.name !== undefined) return index.name
  const columns = columnNames(dialect, model, index.properties)
  return constraintName(dialect, model, columns, index.unique ? 'key' : 'idx')
}

/**
 * The name of a constraint, the same on every database: PostgreSQL's own pattern, `table_column_key`. A name that would
 * be too long ends in a hash of the whole.
 */
export function constraintName(
  dialect: Dialect,
  model: EntityModel,
  columns: readonly string[],
  suffix: string,
): string {
  const name = [dialect.tableName(model), ...columns, suffix].join('_')
  if (Buffer.byteLength(name) <= LONGEST) return name
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 8)
  let start = name.slice(0, LONGEST - 9)
  while (Buffer.byteLength(start) > LONGEST - 9) start = start.slice(0, -1)
  return `${start}_${hash}`
}

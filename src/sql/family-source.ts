import { type RawBuilder, sql } from 'kysely'
import { type ColumnModel, classesOf, type EntityModel, kindsOf, type TableName } from '../mapping/index.ts'
import type { Dialect } from './dialect.ts'
import { allOf, columnOf, tableOf } from './statement-parts.ts'

/*
 * What a select of a class that inherits reads: its tables joined by the key, and only rows of the class and those below it. For other
 * entities this is their table, and no condition.
 */

/** What tells the texts of a class apart while its family grows. */
export function familyKey(model: EntityModel): string {
  return model.inheritance === undefined ? '' : `of ${classesOf(model).length}`
}

/** The same with the class, for texts that are kept with another entity. */
export function kindKey(model: EntityModel): string {
  return `${model.table} ${model.inheritance?.lineage.length} ${String(model.inheritance?.identity)} ${familyKey(model)}`
}

/** A column behind its table, where the rows of its entity are in several. */
export function qualified(dialect: Dialect, column: ColumnModel): RawBuilder<unknown> {
  return column.home === undefined ? columnOf(dialect, column) : columnIn(dialect, column.home, column)
}

function columnIn(dialect: Dialect, home: TableName, column: ColumnModel): RawBuilder<unknown> {
  const [table, name] = [dialect.tableName(home), dialect.columnName(column)]
  return home.schema === undefined ? sql.id(table, name) : sql.id(home.schema, table, name)
}

/** Columns behind their tables, with commas between them. */
export function qualifiedList(dialect: Dialect, columns: readonly ColumnModel[]): RawBuilder<unknown> {
  return sql.join(columns.map((column) => qualified(dialect, column)))
}

/** What stands behind FROM: the entity's table, or the tables of a class, each under its name. */
export function readFrom(dialect: Dialect, model: EntityModel): RawBuilder<unknown> {
  if (model.inheritance === undefined) return tableOf(dialect, model)
  const [root, ...others] = model.inheritance.parts
  const joins = others.map((part) => {
    const same = model.key.map((key) => sql`${columnIn(dialect, part, key)} = ${qualified(dialect, key)}`)
    return sql` inner join ${tableOf(dialect, part)} on ${allOf(same)}`
  })
  return sql`${tableOf(dialect, root ?? model)}${sql.join(joins, sql``)}`
}

/** That a row is of the class or of one below it; undefined where all rows of its tables are. */
export function kindCondition(dialect: Dialect, model: EntityModel): RawBuilder<unknown> | undefined {
  const { inheritance } = model
  if (inheritance === undefined || inheritance.parts.at(-1)?.owner === model) return undefined
  const { discriminator } = inheritance.family
  const encode = dialect.codec(discriminator.type).encode as ((value: unknown) => unknown) | undefined
  const values = kindsOf(model).flatMap(({ inheritance: one }) => (one?.identity === undefined ? [] : [one.identity]))
  if (values.length === 0) return sql`1 = 0`
  const literals = values.map((value) => sql.lit(encode === undefined ? value : encode(value)))
  return sql`${qualified(dialect, discriminator)} in (${sql.join(literals)})`
}

/** The same behind other conditions: ` and …`, or nothing. */
export function andOfKind(dialect: Dialect, model: EntityModel): RawBuilder<unknown> {
  const condition = kindCondition(dialect, model)
  return condition === undefined ? sql`` : sql` and ${condition}`
}

/**
 * The rows of a class as a table of their own, `(select … from … )`, for queries that give it a name; undefined where its table alone has
 * them all.
 *
 * @param lock the end of the select that locks the rows, where a lock around it would not
 */
export function familyRows(
  dialect: Dialect,
  model: EntityModel,
  lock: RawBuilder<unknown> = sql``,
): RawBuilder<unknown> | undefined {
  const { inheritance } = model
  const condition = kindCondition(dialect, model)
  if (inheritance === undefined || (condition === undefined && inheritance.parts.length === 1)) return undefined
  const where = condition === undefined ? sql`` : sql` where ${condition}`
  return sql`(select ${qualifiedList(dialect, model.columns)} from ${readFrom(dialect, model)}${where}${lock})`
}

/** The rows of an entity, of whatever kind it is, as one table: under the alias, or under their own name. */
export function rowsOf(dialect: Dialect, model: EntityModel, alias?: string): RawBuilder<unknown> {
  const rows = model.inheritance === undefined ? undefined : familyRows(dialect, model)
  if (rows !== undefined) return sql`${rows} as ${sql.id(alias ?? dialect.tableName(model))}`
  return alias === undefined ? tableOf(dialect, model) : sql`${tableOf(dialect, model)} as ${sql.id(alias)}`
}

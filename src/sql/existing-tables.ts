import { type RawBuilder, sql } from 'kysely'
import type { EntityModel } from '../mapping/index.ts'
import { compileSource } from './compile.ts'
import type { Dialect } from './dialect.ts'
import { qualifiedTable } from './schema-names.ts'
import type { Runner } from './statement-parts.ts'

/** How many tables are asked for in one statement: SQLite takes no longer chain of UNION. */
const PER_STATEMENT = 100

/**
 * Those of the entities whose tables are there, in the schema that an unqualified name means on this connection or in
 * the entity's own. One statement for a hundred tables.
 *
 * @example
 * createStatements(dialect, models, { existing: await existingTables(dialect, connection, models) })
 */
export async function existingTables(
  dialect: Dialect,
  runner: Pick<Runner, 'run'>,
  models: readonly EntityModel[],
): Promise<ReadonlySet<EntityModel>> {
  const existing = new Set<EntityModel>()
  for (let start = 0; start < models.length; start += PER_STATEMENT) {
    const asked = models.slice(start, start + PER_STATEMENT)
    const questions = asked.map(
      (model, index) =>
        sql`select ${sql.lit(index)} as place from (select 1 as one) as once where ${isThere(dialect, model)}`,
    )
    const { rows } = await runner.run({
      ...compileSource(dialect, sql.join(questions, sql` union all `)),
      rows: 'array',
      typed: true,
    })
    for (const row of rows as readonly (readonly unknown[])[]) {
      const model = asked[Number(row[0])]
      if (model !== undefined) existing.add(model)
    }
  }
  return existing
}

function isThere(dialect: Dialect, model: EntityModel): RawBuilder<boolean> {
  const table = dialect.tableName(model)
  if (dialect.name === 'sqlite') {
    const master = model.schema === undefined ? sql`sqlite_master` : sql`${sql.id(model.schema)}.sqlite_master`
    return sql`exists (select 1 from ${master} where type in ('table', 'view') and name = ${table} collate nocase)`
  }
  if (dialect.name === 'postgres') {
    const { sql: quoted } = compileSource(dialect, sql.table(qualifiedTable(dialect, model)))
    return sql`to_regclass(${quoted}) is not null`
  }
  const schema = model.schema === undefined ? sql`database()` : sql`${model.schema}`
  return sql`exists (select 1 from information_schema.tables where table_schema = ${schema} and table_name = ${table})`
}

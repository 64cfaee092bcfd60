import {
  type ColumnDefinitionBuilder,
  type CreateTableBuilder,
  DummyDriver,
  type Expression,
  type ForeignKeyConstraintBuilder,
  Kysely,
  type OperationNodeSource,
  type RawBuilder,
  SqliteIntrospector,
  sql,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import {
  type ColumnModel,
  type Computed,
  type EntityModel,
  type ForeignKey,
  foreignKeyGraph,
  type IndexModel,
  nameOf,
} from '../mapping/index.ts'
import { compileNode } from './compile.ts'
import type { Dialect } from './dialect.ts'
import { withImmediateValues } from './immediate-values.ts'
import { columnNames, constraintName, indexName, qualifiedTable } from './schema-names.ts'

type Tables = Record<string, Record<string, unknown>>
type TableBuilder = CreateTableBuilder<string, string>

/** What is left out of a schema that is partly there. */
export interface SchemaOptions {
  /** Entities whose tables exist: nothing is made for them. See `existingTables`. */
  readonly existing?: ReadonlySet<EntityModel>
}

/**
 * The statements that make the tables of the entities, parents first, each with its keys, checks, foreign keys and
 * indexes; every one of them leaves alone what exists already. Foreign keys of a cycle are added at the end where the
 * database can add one, which it refuses to do twice: give `existing` when some of the tables may be there.
 *
 * Checks and server defaults are raw SQL, so they are written with the names in the database, not with property names.
 * Schemas (PostgreSQL) and databases (MySQL) that tables are put into must exist.
 *
 * @throws MappingError when a reference names a table that is not among those of the entities, and as `foreignKeyGraph`
 * @example
 * createStatements(createDialect('sqlite', naming), [modelOf(User)])
 */
export function createStatements(
  dialect: Dialect,
  models: readonly EntityModel[],
  options: SchemaOptions = {},
): string[] {
  const { order, foreignKeys, deferred } = foreignKeyGraph(models)
  const missing = order.filter((model) => options.existing?.has(model) !== true)
  const isLater = (key: ForeignKey) => dialect.capabilities.addForeignKey && deferred.has(key)
  const keysOf = (model: EntityModel) => foreignKeys.filter((key) => key.child === model)
  return [
    ...missing.flatMap((model) =>
      tableStatements(
        dialect,
        model,
        keysOf(model).filter((key) => !isLater(key)),
      ),
    ),
    ...missing
      .flatMap(keysOf)
      .filter(isLater)
      .map((key) => addForeignKeyStatement(dialect, key)),
  ]
}

/**
 * The statements that drop the tables of the entities, children first; a table that is not there is no error. Run them
 * in one transaction: SQLite drops tables that refer to one another in a cycle only there.
 *
 * @throws MappingError as `foreignKeyGraph`
 */
export function dropStatements(
  dialect: Dialect,
  models: readonly EntityModel[],
  options: SchemaOptions = {},
): string[] {
  const { order, deferred } = foreignKeyGraph(models)
  const known = (model: EntityModel) => options.existing?.has(model) !== false
  const cycles = [...deferred].filter((key) => known(key.child))
  const db = builderFor(dialect)
  return [
    ...(dialect.capabilities.addForeignKey
      ? cycles.map((key) => dropForeignKeyStatement(dialect, key))
      : cycles.slice(0, 1).map(() => 'pragma defer_foreign_keys = on')),
    ...[...order]
      .reverse()
      .map((model) => ddl(dialect, db.schema.dropTable(qualifiedTable(dialect, model)).ifExists())),
  ]
}

/**
 * The statements of {@link createStatements} as one script to read or to give to a migration tool.
 *
 * @throws MappingError as {@link createStatements}
 */
export function schemaSql(dialect: Dialect, models: readonly EntityModel[]): string {
  return createStatements(dialect, models)
    .map((statement) => `${statement};\n`)
    .join('\n')
}

// ------------------------------------------------------------------------------------------------ tables

function tableStatements(dialect: Dialect, model: EntityModel, keys: readonly ForeignKey[]): string[] {
  const db = builderFor(dialect)
  let table = db.schema.createTable(qualifiedTable(dialect, model)).ifNotExists() as TableBuilder
  for (const column of model.columns) table = addColumn(dialect, model, table, column)
  table = addKeys(dialect, model, table)
  table = addChecks(dialect, model, table)
  for (const key of keys) table = addForeignKey(dialect, table, key)
  const plain = model.indexes.filter((index) => !index.unique)
  const isInline = dialect.name === 'mysql'
  // MySQL has no CREATE INDEX IF NOT EXISTS, so its indexes come with the table.
  if (isInline) for (const index of plain) table = addIndex(dialect, model, table, index)
  const options = dialect.product.tableOptions(dialect.server)
  if (options !== undefined) table = table.modifyEnd(sql.raw(options))
  return [
    ddl(dialect, table),
    ...commentStatements(dialect, model),
    ...(isInline ? [] : plain.map((index) => indexStatement(dialect, model, index))),
  ]
}

function addColumn(dialect: Dialect, model: EntityModel, table: TableBuilder, column: ColumnModel): TableBuilder {
  const type = sql.raw(dialect.ddlType(column, model))
  return table.addColumn(dialect.columnName(column), type, (definition) => {
    if (column.computed !== undefined) {
      return commented(dialect, column, computedColumn(dialect, model, column.computed, definition))
    }
    let built = commented(dialect, column, definition)
    if (column.serverDefault !== undefined) built = built.defaultTo(serverDefault(column.serverDefault))
    if (column.autoincrement) return generatedKey(dialect, built)
    return column.nullable ? built : built.notNull()
  })
}

/** MySQL keeps remarks in the definition of the column. */
function commented(dialect: Dialect, { comment }: ColumnModel, definition: ColumnDefinitionBuilder) {
  if (comment === undefined || dialect.name !== 'mysql') return definition
  return definition.modifyEnd(sql`comment ${comment}`)
}

/** PostgreSQL has statements for them; SQLite has nothing. */
function commentStatements(dialect: Dialect, model: EntityModel): string[] {
  if (dialect.name !== 'postgres') return []
  const table = qualifiedTable(dialect, model)
  return model.columns
    .filter(({ comment }) => comment !== undefined)
    .map((column) => {
      const place = sql.ref(`${table}.${dialect.columnName(column)}`)
      return ddl(dialect, sql`comment on column ${place} is ${column.comment}`)
    })
}

/** Not every database takes NOT NULL here, so none gets it: the expression says what there can be. */
function computedColumn(
  dialect: Dialect,
  model: EntityModel,
  { expression, stored }: Computed,
  definition: ColumnDefinitionBuilder,
): ColumnDefinitionBuilder {
  const built = definition.generatedAlwaysAs(sql`${expression as Expression<unknown>}`)
  if (stored) return built.stored()
  const version = Number.parseInt(dialect.server?.version ?? '', 10)
  if (dialect.name === 'postgres' && version < 18) {
    throw new ArgumentError(
      `Creating the table of ${nameOf(model)}: PostgreSQL ${version} keeps computed columns in the row; declare it with ` +
        'computed(…, { stored: true }).',
    )
  }
  return built
}

/** In parentheses, every database takes any expression. */
function serverDefault(expression: object): RawBuilder<unknown> {
  return sql`(${expression as Expression<unknown>})`
}

function generatedKey(dialect: Dialect, definition: ColumnDefinitionBuilder): ColumnDefinitionBuilder {
  if (dialect.product.generatedKey === 'identity') return definition.generatedByDefaultAsIdentity().primaryKey()
  return definition.notNull().primaryKey().autoIncrement()
}

function addKeys(dialect: Dialect, model: EntityModel, table: TableBuilder): TableBuilder {
  let built = table
  if (!model.key.some((column) => column.autoincrement)) {
    const columns = model.key.map((column) => dialect.columnName(column))
    built = built.addPrimaryKeyConstraint(constraintName(dialect, model, [], 'pkey'), columns)
  }
  for (const column of model.columns.filter((one) => one.unique && !isWholeKey(model, one))) {
    const name = dialect.columnName(column)
    built = built.addUniqueConstraint(constraintName(dialect, model, [name], 'key'), [name])
  }
  for (const index of model.indexes.filter((one) => one.unique)) {
    built = built.addUniqueConstraint(indexName(dialect, model, index), columnNames(dialect, model, index.properties))
  }
  return built
}

function isWholeKey(model: EntityModel, column: ColumnModel): boolean {
  return model.key.length === 1 && model.key[0] === column
}

function addChecks(dialect: Dialect, model: EntityModel, table: TableBuilder): TableBuilder {
  let built = table
  for (const column of model.columns.filter(({ type }) => type.kind === 'enumeration')) {
    const name = dialect.columnName(column)
    const allowed = sql.join((column.type.values ?? []).map((value) => sql.lit(value)))
    const check = sql<boolean>`${sql.id(name)} in (${allowed})`
    built = built.addCheckConstraint(constraintName(dialect, model, [name], 'check'), check)
  }
  model.checks.forEach((check, index) => {
    const name = constraintName(dialect, model, [], index === 0 ? 'check' : `check${index}`)
    built = built.addCheckConstraint(name, check as unknown as Expression<boolean>)
  })
  return built
}

function addIndex(dialect: Dialect, model: EntityModel, table: TableBuilder, index: IndexModel): TableBuilder {
  return table.addIndex(indexName(dialect, model, index), columnNames(dialect, model, index.properties))
}

function indexStatement(dialect: Dialect, model: EntityModel, index: IndexModel): string {
  const builder = builderFor(dialect)
    .schema.createIndex(indexName(dialect, model, index))
    .ifNotExists()
    .on(qualifiedTable(dialect, model))
    .columns(columnNames(dialect, model, index.properties))
  return ddl(dialect, builder)
}

// ------------------------------------------------------------------------------------------------ foreign keys

function addForeignKey(dialect: Dialect, table: TableBuilder, key: ForeignKey): TableBuilder {
  const { name, columns, parent, targets } = foreignKeyParts(dialect, key)
  return table.addForeignKeyConstraint(name, columns, parent, targets, (built) => withActions(built, key))
}

function addForeignKeyStatement(dialect: Dialect, key: ForeignKey): string {
  const { name, columns, parent, targets } = foreignKeyParts(dialect, key)
  const builder = builderFor(dialect)
    .schema.alterTable(qualifiedTable(dialect, key.child))
    .addForeignKeyConstraint(name, columns, parent, targets, (built) => withActions(built, key))
  return ddl(dialect, builder)
}

function dropForeignKeyStatement(dialect: Dialect, key: ForeignKey): string {
  const table = sql.table(qualifiedTable(dialect, key.child))
  const name = sql.id(foreignKeyParts(dialect, key).name)
  if (dialect.name === 'postgres')
    return ddl(dialect, sql`alter table if exists ${table} drop constraint if exists ${name}`)
  if (dialect.server?.product !== 'mariadb') return ddl(dialect, sql`alter table ${table} drop foreign key ${name}`)
  return ddl(dialect, sql`alter table if exists ${table} drop foreign key if exists ${name}`)
}

function foreignKeyParts(dialect: Dialect, key: ForeignKey) {
  const columns = key.columns.map((column) => dialect.columnName(column))
  return {
    name: constraintName(dialect, key.child, columns, 'fkey'),
    columns,
    parent: qualifiedTable(dialect, key.parent),
    targets: key.targets.map((column) => dialect.columnName(column)),
  }
}

function withActions(builder: ForeignKeyConstraintBuilder, key: ForeignKey): ForeignKeyConstraintBuilder {
  let built = builder
  if (key.onDelete !== undefined) built = built.onDelete(key.onDelete)
  if (key.onUpdate !== undefined) built = built.onUpdate(key.onUpdate)
  return built
}

// ------------------------------------------------------------------------------------------------ compiling

/** Kysely's builders need an instance; this one only ever builds. */
function builderFor(dialect: Dialect): Kysely<Tables> {
  return new Kysely<Tables>({
    dialect: {
      createAdapter: () => dialect.adapter,
      createDriver: () => new DummyDriver(),
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => dialect.compiler,
    },
  })
}

function ddl(dialect: Dialect, source: OperationNodeSource): string {
  return compileNode(dialect, withImmediateValues(dialect, source.toOperationNode())).sql
}

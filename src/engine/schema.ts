import { classesOf, type EntityModel, familyTables, modelOf, pairTablesOf } from '../mapping/index.ts'
import { createStatements, dropStatements, existingTables, schemaSql as schemaScript } from '../sql/index.ts'
import { aBoolean, checkOptions } from '../support/index.ts'
import type { Connection } from './connection.ts'
import { Engine } from './engine.ts'

/** Any class made by `entity()`. */
type AnyEntityClass = abstract new (...args: never[]) => object

/** How tables are made and dropped. */
export interface SchemaOptions {
  /**
   * Look first which tables are there, and work on the others (to make) or on those (to drop) only. Without it nothing that exists is made
   * twice either, but foreign keys that form a cycle are added blindly, which fails where they exist. Default: true
   */
  readonly checkFirst?: boolean
}

/**
 * Makes the tables of the entities, and those of all classes that they share a family with, in the order that their foreign keys ask for, with keys, checks and indexes. Those that exist are
 * left alone, whatever columns they have. On an engine in a transaction of its own, on a connection in that connection's.
 *
 * @throws ArgumentError for unknown options; MappingError when a foreign key names a table that is not among the entities'
 * @example await createAll(engine, [User, Address])
 */
export function createAll(
  target: Engine | Connection,
  entities: readonly AnyEntityClass[],
  options: SchemaOptions = {},
): Promise<void> {
  return onConnection(target, 'createAll()', options, async (connection) => {
    const models = modelsOf(entities)
    const { dialect } = connection
    const existing = options.checkFirst === false ? new Set<never>() : await existingTables(dialect, connection, models)
    await runAll(connection, createStatements(dialect, models, { existing }))
  })
}

/**
 * Drops the tables of the entities and all that is in them, those that refer to others first. A table that is not there is no error.
 *
 * @throws ArgumentError for unknown options; MappingError as {@link createAll}
 */
export function dropAll(
  target: Engine | Connection,
  entities: readonly AnyEntityClass[],
  options: SchemaOptions = {},
): Promise<void> {
  return onConnection(target, 'dropAll()', options, async (connection) => {
    const models = modelsOf(entities)
    const { dialect } = connection
    const known = options.checkFirst === false ? {} : { existing: await existingTables(dialect, connection, models) }
    await runAll(connection, dropStatements(dialect, models, known))
  })
}

/**
 * The statements of {@link createAll} as one script, to read or to give to a migration tool. Connects to nothing.
 *
 * @throws MappingError as {@link createAll}
 * @example console.log(schemaSql(engine, [User, Address]))
 */
export function schemaSql(engine: Engine, entities: readonly AnyEntityClass[]): string {
  return schemaScript(engine.dialect, modelsOf(entities))
}

/** What has a table: the entities, those of their families, and the tables of pairs between them. */
function modelsOf(entities: readonly AnyEntityClass[]): EntityModel[] {
  const models = [...new Set(entities.map(modelOf).flatMap(classesOf))]
  const tables = models.flatMap((model) => {
    return model.inheritance === undefined ? [model] : familyTables(model).map((table) => table.model)
  })
  return [...new Set(tables), ...pairTablesOf(models)]
}

async function onConnection(
  target: Engine | Connection,
  owner: string,
  options: SchemaOptions,
  work: (connection: Connection) => Promise<void>,
): Promise<void> {
  checkOptions(owner, options, { checkFirst: aBoolean })
  if (target instanceof Engine) return target.begin(work, { label: owner })
  if (!target.inTransaction() && target.executionOptions.isolation !== 'autocommit') await target.begin()
  await work(target)
}

async function runAll(connection: Connection, statements: readonly string[]): Promise<void> {
  for (const sql of statements) await connection.run({ sql, parameters: [] })
}

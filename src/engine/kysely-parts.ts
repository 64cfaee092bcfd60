import {
  CamelCasePlugin,
  type DatabaseIntrospector,
  type DialectAdapter,
  type Kysely,
  type Dialect as KyselyDialect,
  type KyselyPlugin,
  MysqlAdapter,
  MysqlIntrospector,
  PostgresAdapter,
  PostgresIntrospector,
  SqliteIntrospector,
} from 'kysely'
import { camelToSnake, namingOf } from '../mapping/index.ts'
import type { Dialect } from '../sql/index.ts'

type KyselyParts = Pick<KyselyDialect, 'createAdapter' | 'createQueryCompiler' | 'createIntrospector'>

/** What Kysely asks of a dialect beside a driver. */
export function kyselyDialectParts(dialect: Pick<Dialect, 'adapter' | 'compiler'>): KyselyParts {
  return {
    createAdapter: () => dialect.adapter,
    createQueryCompiler: () => dialect.compiler,
    createIntrospector: (db) => introspectorFor(dialect.adapter, db),
  }
}

// biome-ignore lint/suspicious/noExplicitAny: an introspector reads the tables of any database
function introspectorFor(adapter: DialectAdapter, db: Kysely<any>): DatabaseIntrospector {
  if (adapter instanceof PostgresAdapter) return new PostgresIntrospector(db)
  if (adapter instanceof MysqlAdapter) return new MysqlIntrospector(db)
  return new SqliteIntrospector(db)
}

/** Has queries written with the names of properties, and rows come back with them, as the naming 'camelToSnake' says. */
class PropertyNames extends CamelCasePlugin {
  constructor() {
    // What a JSON column holds is data, not names.
    super({ maintainNestedObjectKeys: true })
  }

  protected override snakeCase(name: string): string {
    return camelToSnake(name)
  }
}

/** The plugins that let queries be written with the names that properties have; own naming functions cannot be turned round. */
export function pluginsFor(dialect: Pick<Dialect, 'naming'>): KyselyPlugin[] {
  return dialect.naming === namingOf('camelToSnake') ? [new PropertyNames()] : []
}

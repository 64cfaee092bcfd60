import type { ServerInfo } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { ColumnModel, Naming, TableName } from '../mapping/index.ts'
import type { Dialect, Product } from './dialect.ts'
import { MYSQL } from './mysql.ts'
import { POSTGRES } from './postgres.ts'
import { SQLITE } from './sqlite.ts'
import { StatementCache } from './statement-cache.ts'

const PRODUCTS: Readonly<Record<string, Product>> = { sqlite: SQLITE, postgres: POSTGRES, mysql: MYSQL }

/**
 * The dialect of an engine: one product, with the engine's naming.
 *
 * @param naming how properties and tables are called in the database, where they were not named by hand
 * @throws ArgumentError for a product that heddle does not know
 * @example
 * const dialect = createDialect('sqlite', { table: (name) => name, column: (property) => property })
 */
export function createDialect(name: Dialect['name'], naming: Naming, cache = new StatementCache()): Dialect {
  const product = Object.hasOwn(PRODUCTS, name) ? PRODUCTS[name] : undefined
  if (product === undefined) {
    throw new ArgumentError(
      `There is no dialect '${String(name)}': use one of ${Object.keys(PRODUCTS)
        .map((known) => `'${known}'`)
        .join(', ')}`,
    )
  }
  return buildDialect(product, naming, undefined, new Map(), cache)
}

function buildDialect(
  product: Product,
  naming: Naming,
  server: ServerInfo | undefined,
  refined: Map<string, Dialect>,
  cache: StatementCache,
): Dialect {
  return Object.freeze({
    name: product.name,
    product,
    cache,
    server,
    naming,
    capabilities: product.capabilitiesFor(server),
    adapter: product.adapter,
    compiler: product.compiler,
    classify: product.classify,
    tableName: (model: TableName) => naming.table(model.table),
    columnName: (column: ColumnModel) => column.explicitName ?? naming.column(column.property),
    codec: product.codec,
    ddlType: product.ddlType,
    forServer: (found: ServerInfo) => {
      const key = `${found.product} ${found.version} ${found.autoIncrementIncrement ?? 1}`
      const known = refined.get(key) ?? buildDialect(product, naming, found, refined, cache)
      refined.set(key, known)
      return known
    },
  })
}

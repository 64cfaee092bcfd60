import { MysqlAdapter, MysqlQueryCompiler } from 'kysely'
import type { ServerInfo } from '../drivers/index.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { momentOf } from '../support/index.ts'
import { isAtLeast, refineMysql } from './capabilities.ts'
import {
  asIs,
  type CodecTable,
  codecsFrom,
  readBigint,
  readBoolean,
  readJson,
  scaleOf,
  uuidText,
  writeJson,
} from './codecs.ts'
import type { Product } from './dialect.ts'
import { classifyMysql } from './mysql-errors.ts'

/** How MySQL and MariaDB keep values. The driver reads and sends times in UTC, and integers as integers. */
const CODECS: CodecTable = {
  integer: asIs,
  bigint: { decode: readBigint },
  real: asIs,
  decimal: asIs,
  text: asIs,
  varchar: asIs,
  boolean: { decode: readBoolean },
  timestamp: { decode: momentOf },
  date: asIs,
  json: { encode: writeJson, decode: readJson },
  uuid: uuidText,
  bytes: asIs,
  enumeration: asIs,
}

function ddlType(column: ColumnModel, model: EntityModel): string {
  const { type } = column
  switch (type.kind) {
    case 'integer':
      return 'int'
    case 'real':
      return 'double'
    case 'decimal':
      return `decimal(${type.precision ?? 65}, ${scaleOf(type) ?? 30})`
    case 'text':
      return needsLength(column, model) ? 'varchar(255)' : 'longtext'
    case 'varchar':
      return `varchar(${type.length})`
    case 'boolean':
      return 'tinyint(1)'
    case 'timestamp':
      return 'datetime(3)'
    case 'uuid':
      return 'char(36)'
    case 'bytes':
      return needsLength(column, model) ? 'varbinary(255)' : 'longblob'
    case 'enumeration':
      return 'varchar(255)'
    default:
      return type.kind
  }
}

/**
 * Text without a limit cannot be part of a key, of an index or of a foreign key, nor have a default on every server.
 */
function needsLength(column: ColumnModel, model: EntityModel): boolean {
  const isKey = column.primaryKey || column.unique || column.references !== undefined
  return (
    isKey ||
    column.serverDefault !== undefined ||
    model.indexes.some((index) => index.properties.includes(column.property))
  )
}

/**
 * Strings compare byte by byte and a trailing space counts, as on the other databases. MariaDB and MySQL have different
 * names for that; the one that both know (used before the first connection has told the server) ignores trailing
 * spaces.
 */
function collation(server: ServerInfo | undefined): string {
  if (server?.product === 'mariadb') return 'utf8mb4_nopad_bin'
  return server !== undefined && isAtLeast(server.version, 8, 0, 17) ? 'utf8mb4_0900_bin' : 'utf8mb4_bin'
}

/**
 * MySQL and MariaDB. Text without a length becomes varchar(255) where it is a key, unique, indexed, a reference, or has
 * a default.
 */
export const MYSQL: Product = Object.freeze({
  name: 'mysql',
  adapter: new MysqlAdapter(),
  compiler: new MysqlQueryCompiler(),
  classify: classifyMysql,
  codec: codecsFrom(CODECS),
  capabilitiesFor: refineMysql,
  ddlType,
  generatedKey: 'auto_increment',
  tableOptions: (server: ServerInfo | undefined) =>
    `engine=InnoDB default charset=utf8mb4 collate=${collation(server)}`,
  redact: (message: string) =>
    message
      .replace(/Duplicate entry '.*' for key/s, 'Duplicate entry for key')
      .replace(/\b((?:incorrect|invalid|truncated incorrect) [^']*value:?) '.*?'( for column|$)/is, '$1$2')
      .replace(/value is out of range in '.*'/s, 'value is out of range'),
})

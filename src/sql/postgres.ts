import { PostgresAdapter, PostgresQueryCompiler } from 'kysely'
import type { ColumnKind, ColumnModel, ColumnType } from '../mapping/index.ts'
import { momentOf } from '../support/index.ts'
import { CAPABILITIES } from './capabilities.ts'
import { asIs, type CodecTable, codecsFrom, readBigint, scaleOf, writeJson } from './codecs.ts'
import type { Product } from './dialect.ts'
import { classifyPostgres } from './postgres-errors.ts'

/**
 * Both drivers read typed values by the server's types, so nearly nothing is left to do. JSON is sent as text: a string
 * or an array would otherwise travel as text or as an array of PostgreSQL.
 */
const CODECS: CodecTable = {
  integer: asIs,
  bigint: { decode: readBigint },
  real: asIs,
  decimal: asIs,
  text: asIs,
  varchar: asIs,
  boolean: asIs,
  timestamp: { decode: momentOf },
  date: asIs,
  json: { encode: writeJson },
  uuid: asIs,
  bytes: asIs,
  enumeration: asIs,
}

/**
 * The types that values travel as in array parameters. All have an assignment cast to what heddle creates, and integers
 * to the wider or narrower type of an existing table; a key that is compared keeps its index.
 */
const ELEMENTS: Readonly<Record<ColumnKind, string>> = {
  integer: 'int8',
  bigint: 'int8',
  real: 'float8',
  decimal: 'numeric',
  text: 'text',
  varchar: 'text',
  boolean: 'bool',
  timestamp: 'timestamptz',
  date: 'date',
  json: 'jsonb',
  uuid: 'uuid',
  bytes: 'bytea',
  enumeration: 'text',
}

function ddlType(column: ColumnModel): string {
  const { type } = column
  switch (type.kind) {
    case 'real':
      return 'double precision'
    case 'decimal':
      return type.precision === undefined ? 'numeric' : `numeric(${type.precision}, ${scaleOf(type)})`
    case 'varchar':
      return `varchar(${type.length})`
    case 'timestamp':
      return 'timestamptz(3)'
    case 'json':
      return 'jsonb'
    case 'bytes':
      return 'bytea'
    case 'enumeration':
      return 'text'
    default:
      return type.kind
  }
}

/**
 * PostgreSQL, and PGlite, which is it. `integer()` is its 32-bit integer, as everywhere in SQL: sums of it are integers
 * too, and keys match those of other tools; `bigint()` is for what may grow beyond.
 */
export const POSTGRES: Product = Object.freeze({
  name: 'postgres',
  adapter: new PostgresAdapter(),
  compiler: new PostgresQueryCompiler(),
  classify: classifyPostgres,
  codec: codecsFrom(CODECS),
  capabilitiesFor: () => CAPABILITIES.postgres,
  ddlType,
  generatedKey: 'identity',
  tableOptions: () => undefined,
  arrayElement: (type: ColumnType) => ELEMENTS[type.kind],
  redact: (message: string) =>
    message
      .replace(/(invalid input [^:]*|malformed [^:]*|[^:]*out of range|[^:]*time zone[^:]*): ".*"/s, '$1')
      .replace(/value "[^"]*" is out of range/s, 'a value is out of range'),
})

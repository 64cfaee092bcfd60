import { SqliteAdapter, SqliteQueryCompiler } from 'kysely'
import type { ColumnModel, ColumnType } from '../mapping/index.ts'
import { CAPABILITIES } from './capabilities.ts'
import {
  asIs,
  type CodecTable,
  codecsFrom,
  decimalText,
  readBigint,
  readBoolean,
  readBytes,
  readDate,
  readEpoch,
  readInteger,
  readJson,
  readMoment,
  readReal,
  scaledDecimal,
  scaleOf,
  uuidText,
  writeJson,
} from './codecs.ts'
import type { Product } from './dialect.ts'
import { classifySqlite } from './sqlite-errors.ts'

/** Decimals up to this precision come back from a double as they went in. */
const EXACT_DIGITS = 15

/**
 * How SQLite keeps values. A statement that reads a `bigint()` column reads every integer as bigint (the driver cannot
 * tell columns apart), hence the tolerant integers. JSON and timestamps are declared as JSON_TEXT and DATETIME for the
 * eyes of raw queries; the TEXT in a type's name keeps SQLite from making a number of a document that is one.
 */
const CODECS: CodecTable = {
  integer: { decode: readInteger },
  bigint: { decode: readBigint },
  real: { decode: readReal },
  decimal: (type) => (isExact(type) ? scaledDecimal(type) : decimalText(type)),
  text: asIs,
  varchar: asIs,
  boolean: { decode: readBoolean },
  timestamp: { decode: readMoment, keep: readEpoch },
  date: { decode: readDate },
  json: { encode: writeJson, decode: readJson },
  uuid: uuidText,
  bytes: { decode: readBytes },
  enumeration: asIs,
}

function isExact(type: ColumnType): boolean {
  return type.precision !== undefined && type.precision <= EXACT_DIGITS
}

function ddlType(column: ColumnModel): string {
  const { type } = column
  switch (type.kind) {
    case 'integer':
    case 'bigint':
      return 'integer'
    case 'decimal':
      return isExact(type) ? `numeric(${type.precision}, ${scaleOf(type)})` : 'text'
    case 'varchar':
      return `varchar(${type.length})`
    case 'timestamp':
      return 'datetime'
    case 'uuid':
    case 'enumeration':
      return 'text'
    case 'bytes':
      return 'blob'
    case 'json':
      return 'json_text'
    default:
      return type.kind
  }
}

/**
 * SQLite, through whichever of its drivers. Generated keys are AUTOINCREMENT: the key of a deleted row is never given
 * again.
 */
export const SQLITE: Product = Object.freeze({
  name: 'sqlite',
  adapter: new SqliteAdapter(),
  compiler: new SqliteQueryCompiler(),
  classify: classifySqlite,
  codec: codecsFrom(CODECS),
  capabilitiesFor: () => CAPABILITIES.sqlite,
  ddlType,
  generatedKey: 'autoincrement',
  tableOptions: () => undefined,
  // SQLite's messages name tables and columns only.
  redact: (message: string) => message,
})

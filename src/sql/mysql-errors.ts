import type { Classification, Classify, FailureKind } from './classification.ts'
import { networkFailure } from './network-errors.ts'

/** Error numbers by what they mean, on MySQL and MariaDB alike; where they differ the product is named. */
const numbers: ReadonlyMap<number, FailureKind> = new Map(
  Object.entries({
    unique: [1022, 1062, 1169, 1586],
    'foreign key': [1216, 1217, 1451, 1452, 1557, 1761, 1762],
    'not null': [1048, 1263, 1364],
    // 3819 MySQL, 1369 a view's CHECK OPTION; MariaDB's 4025 is another error on MySQL
    check: [1369, 3819],
    deadlock: [1213, 1614],
    // 1020 the record has changed (MariaDB's snapshot isolation), 3101 a conflict in group replication
    serialization: [1020, 3101],
    // 3572 NOWAIT on MySQL; MariaDB answers NOWAIT with 1205
    'lock not available': [1205, 1637, 3572],
    // 3024 max_execution_time of MySQL, 1969 max_statement_time of MariaDB, 1317 KILL QUERY
    timeout: [1317, 1969, 3024],
    disconnect: [1053, 1152, 1153, 1158, 1159, 1160, 1161, 1184, 1927, 2006, 2013, 2055, 4031],
    operational: [
      1021, 1037, 1038, 1040, 1041, 1044, 1045, 1049, 1114, 1129, 1130, 1180, 1203, 1206, 1226, 1290, 1698, 1792, 1836,
      2002, 2003,
    ],
    data: [1264, 1265, 1292, 1366, 1367, 1406, 1411, 1441, 1690, 3140, 3141, 3143, 3156, 3157],
    programming: [1050, 1051, 1054, 1064, 1136, 1146, 1210, 1243, 1295, 1305, 1318, 1347, 1356, 1365],
  } satisfies Partial<Record<FailureKind, readonly number[]>>).flatMap(([kind, list]) =>
    list.map((number) => [number, kind as FailureKind] as const),
  ),
)

/** The first two characters of SQLSTATE, for the numbers that are not listed. */
const classes: Readonly<Record<string, FailureKind>> = {
  '08': 'disconnect',
  '21': 'programming',
  '22': 'data',
  '23': 'integrity',
  '28': 'operational',
  '40': 'operational',
  '42': 'programming',
}

const clientCodes: Readonly<Record<string, FailureKind>> = {
  PROTOCOL_CONNECTION_LOST: 'disconnect',
  PROTOCOL_ERROR: 'disconnect',
  PROTOCOL_UNEXPECTED_PACKET: 'disconnect',
  PROTOCOL_SEQUENCE_TIMEOUT: 'timeout',
  HANDSHAKE_NO_SSL_SUPPORT: 'operational',
  HANDSHAKE_SSL_ERROR: 'operational',
}

/** An error of mysql2: of the server (errno above 0), of the client (a code), or of the network. */
interface ClientError {
  readonly errno?: unknown
  readonly code?: unknown
  readonly sqlState?: unknown
  readonly message?: unknown
  readonly fatal?: unknown
}

/** Reads an error of MySQL or MariaDB, given by mysql2. */
export const classifyMysql: Classify = (error) => {
  if (typeof error !== 'object' || error === null) return { kind: 'other' }
  const { errno, code, fatal, message } = error as ClientError
  if (typeof errno === 'number' && errno >= 1000) return readServerError(errno, error as ClientError)
  const kind = typeof code === 'string' && Object.hasOwn(clientCodes, code) ? clientCodes[code] : undefined
  if (kind !== undefined) return { kind, databaseCode: String(code) }
  const gone = fatal === true || /in closed state$/.test(String(message))
  return networkFailure(error) ?? { kind: gone ? 'disconnect' : 'other' }
}

function readServerError(errno: number, error: ClientError): Classification {
  const message = String(error.message ?? '')
  if (errno === 4025 && message.startsWith('CONSTRAINT')) {
    return { kind: 'check', databaseCode: 'ER_CONSTRAINT_FAILED', ...check(message) }
  }
  const state = typeof error.sqlState === 'string' ? error.sqlState : ''
  const kind = numbers.get(errno) ?? classes[state.slice(0, 2)] ?? 'other'
  const databaseCode = typeof error.code === 'string' ? error.code : String(errno)
  return { kind, databaseCode, ...readMessage(kind, message) }
}

type Place = Pick<Classification, 'constraint' | 'table' | 'column'>

/** The server names the place of an error in its message only. */
function readMessage(kind: FailureKind, message: string): Place {
  switch (kind) {
    case 'unique':
      return duplicateKey(message)
    case 'foreign key':
      return foreignKey(message)
    case 'check':
      return check(message)
    case 'not null':
    case 'data':
      return columnOf(message)
    default:
      return {}
  }
}

/** `Duplicate entry '…' for key 'users.email'`; MariaDB, and MySQL before 8.0.19, leave the table out. */
function duplicateKey(message: string): Place {
  const key = /for key '([^']+)'\s*$/.exec(message)?.[1]
  if (key === undefined) return {}
  const dot = key.indexOf('.')
  return dot < 0 ? { constraint: key } : { table: key.slice(0, dot), constraint: key.slice(dot + 1) }
}

/** `… fails (`db`.`child`, CONSTRAINT `name` FOREIGN KEY (`parent_id`) REFERENCES …)` */
function foreignKey(message: string): Place {
  const found = /\((?:`[^`]+`\.)?`([^`]+)`, CONSTRAINT `([^`]+)`(?: FOREIGN KEY \(`([^`]+)`\))?/.exec(message)
  if (!found) return {}
  return place(found[2], found[1], found[3])
}

/** `CONSTRAINT `name` failed for `db`.`table`` on MariaDB, `Check constraint 'name' is violated.` on MySQL. */
function check(message: string): Place {
  const found =
    /CONSTRAINT `([^`]+)` failed for (?:`[^`]+`\.)?`([^`]+)`/.exec(message) ??
    /Check constraint '([^']+)' is violated/.exec(message)
  return found ? place(lastPart(found[1]), found[2], undefined) : {}
}

/** `Column 'a' …`, `Field 'a' …`, `… for column `db`.`t`.`a` at row 1`, `… for column 'a' at row 1` */
function columnOf(message: string): Place {
  const quoted = /(?:for column|^Column|^Field) ((?:`[^`]*`\.?)+|'[^']*')/i.exec(message)?.[1]
  if (quoted === undefined) return {}
  if (quoted.startsWith("'")) return { column: quoted.slice(1, -1) }
  const parts = quoted.slice(1, -1).split('`.`')
  return place(undefined, parts.at(-2), parts.at(-1))
}

/** MariaDB names a column's own check `table.column`. */
function lastPart(name: string | undefined): string | undefined {
  return name?.slice(name.lastIndexOf('.') + 1)
}

function place(constraint: string | undefined, table: string | undefined, column: string | undefined): Place {
  return {
    ...(constraint && { constraint }),
    ...(table && { table }),
    ...(column && { column }),
  }
}

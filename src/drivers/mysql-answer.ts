import type { Outcome, Statement } from './driver.ts'
import type { MysqlField, MysqlHeader } from './mysql-client.ts'
import { decodeRows } from './mysql-values.ts'

/** What mysql2 has given for a statement: rows, or a header where there are none. */
export interface Answer {
  readonly rows: readonly unknown[][] | undefined
  readonly fields: readonly MysqlField[]
  readonly header: MysqlHeader | undefined
}

/** mysql2 gives a header, rows, or one of these for each result of a procedure, of which the last with rows counts. */
export function answerOf(rows: unknown, fields: unknown): Answer {
  if (!Array.isArray(rows)) return { rows: undefined, fields: [], header: rows as MysqlHeader }
  const several = Array.isArray(fields) && (fields[0] === undefined || Array.isArray(fields[0])) && rows.length > 0
  if (!several) return { rows, fields: (fields ?? []) as MysqlField[], header: undefined }
  const at = rows.findLastIndex((result) => Array.isArray(result))
  const header = rows.findLast((result) => !Array.isArray(result)) as MysqlHeader | undefined
  return { rows: rows[at] as unknown[][], fields: ((fields as unknown[])[at] ?? []) as MysqlField[], header }
}

/** The same as a driver gives it. */
export function outcomeOf(answer: Answer, statement: Statement): Outcome {
  const { rows, fields, header } = answer
  if (rows !== undefined) {
    const columns = fields.map((field) => field.name)
    return { rows: decodeRows(rows, fields, statement), rowCount: rows.length, columns }
  }
  const outcome = { rows: [], rowCount: header?.affectedRows ?? 0, columns: [] }
  const key = header?.insertId
  if (key === undefined || Number(key) === 0) return outcome
  return { ...outcome, insertId: typeof key === 'string' ? BigInt(key) : key }
}

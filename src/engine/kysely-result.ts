import type { CompiledQuery, QueryResult } from 'kysely'
import type { Outcome } from '../drivers/index.ts'

const WRITES = new Set(['InsertQueryNode', 'UpdateQueryNode', 'DeleteQueryNode', 'MergeQueryNode'])

/** An outcome as Kysely's builders expect it. */
export function kyselyResult<Row>(outcome: Outcome, query: CompiledQuery): QueryResult<Row> {
  const rows = outcome.rows as Row[]
  if (!WRITES.has(query.query.kind) && outcome.columns.length > 0) return { rows }
  const numAffectedRows = BigInt(outcome.rowCount)
  if (outcome.insertId === undefined) return { rows, numAffectedRows }
  return { rows, numAffectedRows, insertId: BigInt(outcome.insertId) }
}

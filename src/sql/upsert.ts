import { type OperationNodeSource, type RawBuilder, sql } from 'kysely'
import type { Outcome, Statement } from '../drivers/index.ts'
import { ArgumentError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { compileSource } from './compile.ts'
import type { Dialect } from './dialect.ts'
import { chunksOf } from './rows.ts'
import {
  columnList,
  columnOf,
  type Row,
  type Runner,
  rowEncoder,
  type StatementContext,
  tableOf,
} from './statement-parts.ts'

/** What happens to a row that is there already. */
export interface ConflictRule {
  /** The columns of the unique constraint that decides whether it is. */
  readonly on: readonly ColumnModel[]
  /** What is set, in order: from the row that was to be inserted, or to an expression. Empty: the stored row stays. */
  readonly set: readonly (readonly [column: ColumnModel, value: ConflictValue])[]
  /** Only stored rows for which it holds are changed. */
  readonly where: OperationNodeSource | undefined
}

/** The value of the row that was to be inserted, or an expression. */
export type ConflictValue = 'given' | OperationNodeSource

/** Rows in one statement: beyond this nothing is gained. */
const ROWS_AT_ONCE = 1_000

/**
 * Inserts rows with values for `columns`, in order, and has those that conflict with stored ones change them.
 *
 * @throws ArgumentError for a condition where the database has none for this
 */
export async function upsertRows(
  context: StatementContext,
  runner: Runner,
  model: EntityModel,
  columns: readonly ColumnModel[],
  rule: ConflictRule,
  rows: readonly Row[],
): Promise<readonly Outcome[]> {
  const { dialect } = context
  if (rule.where !== undefined && dialect.capabilities.upsert === 'on duplicate key') {
    throw new ArgumentError(
      `upsert(${model.name}): this database knows no condition for rows that conflict; leave \`where\` out, or select the rows first.`,
    )
  }
  const limit = Math.min(ROWS_AT_ONCE, Math.floor(dialect.capabilities.maxParameters / Math.max(1, columns.length)) - 1)
  const encode = rowEncoder(dialect, columns)
  const outcomes: Outcome[] = []
  for (const chunk of chunksOf(rows.map(encode), limit, (row) => row)) {
    outcomes.push(await runner.run(statement(dialect, model, columns, rule, chunk.rows)))
  }
  return outcomes
}

function statement(
  dialect: Dialect,
  model: EntityModel,
  columns: readonly ColumnModel[],
  rule: ConflictRule,
  rows: readonly Row[],
): Statement {
  const lists = rows.map((row) => sql`(${sql.join([...row])})`)
  const into = sql`insert into ${tableOf(dialect, model)} (${columnList(dialect, columns)}) values ${sql.join(lists)}`
  return { ...compileSource(dialect, sql`${into} ${conflictClause(dialect, model, rule)}`), rows: 'array', typed: true }
}

function conflictClause(dialect: Dialect, model: EntityModel, rule: ConflictRule): RawBuilder<unknown> {
  const isNamed = dialect.capabilities.upsert === 'on conflict'
  const assignments = rule.set.map(([column, value]) => {
    const name = columnOf(dialect, column)
    if (value !== 'given') return sql`${name} = ${value}`
    return isNamed ? sql`${name} = excluded.${name}` : sql`${name} = values(${name})`
  })
  if (!isNamed)
    return sql`on duplicate key update ${sql.join(assignments.length > 0 ? assignments : [unchanged(dialect, model)])}`
  const target = sql`on conflict (${columnList(dialect, rule.on)})`
  if (assignments.length === 0) return sql`${target} do nothing`
  const where = rule.where === undefined ? sql`` : sql` where ${rule.where}`
  return sql`${target} do update set ${sql.join(assignments)}${where}`
}

/** A row that is there stays as it is: INSERT IGNORE would swallow every other error with it. */
function unchanged(dialect: Dialect, model: EntityModel): RawBuilder<unknown> {
  const name = columnOf(dialect, model.key[0] as ColumnModel)
  return sql`${name} = ${tableOf(dialect, model)}.${name}`
}

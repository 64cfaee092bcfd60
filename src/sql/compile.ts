import { createHash } from 'node:crypto'
import {
  createQueryId,
  isCompiledQuery,
  isOperationNodeSource,
  type OperationNode,
  type OperationNodeSource,
  type RootOperationNode,
} from 'kysely'
import { ArgumentError } from '../errors.ts'
import type { Dialect } from './dialect.ts'

/** Text with the dialect's placeholders, and the values for them in order. */
export interface CompiledSql {
  readonly sql: string
  readonly parameters: readonly unknown[]
}

/** Whether a value of a row is an expression for the database to evaluate instead of a value to send. */
export function isExpression(value: unknown): value is OperationNodeSource {
  return typeof value === 'object' && value !== null && isOperationNodeSource(value)
}

/**
 * The SQL of a Kysely node in this dialect.
 *
 * @example
 * compileNode(dialect, db.selectFrom('users').selectAll().toOperationNode()).sql
 */
export function compileNode(dialect: Dialect, node: OperationNode): CompiledSql {
  const { sql, parameters } = dialect.compiler.compileQuery(node as RootOperationNode, createQueryId())
  return { sql, parameters }
}

/** {@link compileNode} for a builder or a template. */
export function compileSource(dialect: Dialect, source: OperationNodeSource): CompiledSql {
  return compileNode(dialect, source.toOperationNode())
}

/**
 * The SQL of whatever a user hands over to be executed: Kysely's `sql` templates (no Kysely instance is needed), its
 * query and schema builders, and compiled queries, which are taken as they are.
 *
 * @throws ArgumentError for anything else: a plain string (write `sql.raw(text)`), a fragment that is no statement, a
 * value undefined
 * @example
 * compileQuery(dialect, sql`select ${1} as one`) // { sql: 'select ? as one', parameters: [1] }
 */
export function compileQuery(dialect: Dialect, executable: unknown): CompiledSql {
  const compiled = compileAny(dialect, executable)
  const missing = compiled.parameters.indexOf(undefined)
  if (missing < 0) return compiled
  throw new ArgumentError(`The value ${missing + 1} of the statement is undefined: use null for an SQL NULL`)
}

/** Expressions that Kysely makes and that are only a part of a statement. */
const FRAGMENTS =
  /^(Alias|Reference|Column|Identifier|SelectAll|Value|And|Or|Parens|BinaryOperation|Function|AggregateFunction|Case)Node$/

function compileAny(dialect: Dialect, executable: unknown): CompiledSql {
  if (typeof executable === 'string') {
    throw new ArgumentError(
      'A plain string was given to be executed: write sql`…` with the values inside it, or sql.raw(text) for ' +
        'text of your own',
    )
  }
  if (isCompiledQuery(executable)) return { sql: executable.sql, parameters: executable.parameters }
  if (!isOperationNodeSource(executable)) {
    const found = executable === null ? 'null' : typeof executable
    throw new ArgumentError(
      `A statement was expected, found ${found}: give sql\`…\`, a Kysely builder or a CompiledQuery`,
    )
  }
  const node = executable.toOperationNode()
  if (FRAGMENTS.test(node.kind)) {
    throw new ArgumentError('A statement was expected, found only a part of one: put it into a select or into sql`…`')
  }
  return compileNode(dialect, node)
}

/** A stand-in for a value that is known only when a statement of this text runs. */
export class Slot {
  /** Where the value is to be found among those given. */
  readonly index: number
  constructor(index: number) {
    this.index = index
  }
}

/** A text that is sent again and again, and which of the given values goes where. */
export interface StatementShape {
  readonly sql: string
  readonly name: string
  readonly order: readonly number[]
  /** The values that are always the same, by the place of their placeholder; undefined where there are none. */
  readonly fixed: ReadonlyMap<number, unknown> | undefined
}

/** Compiles a template whose values are {@link Slot}s, or values that are sent each time. */
export function compileShape(dialect: Dialect, source: OperationNodeSource): StatementShape {
  const { sql, parameters } = compileSource(dialect, source)
  const fixed = [...parameters.entries()].filter(([, value]) => !(value instanceof Slot))
  return {
    sql,
    name: statementName(sql),
    order: parameters.map((value) => (value instanceof Slot ? value.index : -1)),
    fixed: fixed.length === 0 ? undefined : new Map(fixed),
  }
}

/**
 * The shape with slots in the place of the last values that stand in its text: those of each run are given behind the others.
 *
 * @param given the values, in the order of their placeholders; undefined where the shape is to stay as it is
 * @param before how many values are given before them
 * @throws TypeError where the text holds other values than these, which would then be sent with the values of another run
 */
export function shapeWith(
  given: readonly unknown[] | undefined,
  before: number,
  shape: StatementShape,
): StatementShape {
  if (given === undefined || given.length === 0) return shape
  const fixed = [...(shape.fixed ?? [])]
  const own = fixed.slice(0, -given.length)
  const replaced = fixed.slice(-given.length)
  const isSame = replaced.length === given.length && replaced.every(([, value], i) => Object.is(value, given[i]))
  if (!isSame) throw new TypeError(`The values of a condition are not the last ones of its text: ${shape.sql}`)
  const order = [...shape.order]
  replaced.forEach(([place], i) => {
    order[place] = before + i
  })
  return { ...shape, order, fixed: own.length === 0 ? undefined : new Map(own) }
}

/** The values of a statement in the order of its placeholders. */
export function arrange(shape: StatementShape, values: readonly unknown[]): readonly unknown[] {
  const { order, fixed } = shape
  if (fixed === undefined) return order.map((index) => values[index])
  return order.map((index, place) => (index < 0 ? fixed.get(place) : values[index]))
}

/**
 * A short name for a text, to keep it prepared under. It is a hash, so a text has the same name in every process, and
 * two texts never share one on a connection that a proxy hands from one process to another.
 */
export function statementName(sql: string): string {
  return `heddle_${createHash('sha256').update(sql).digest('hex').slice(0, 24)}`
}

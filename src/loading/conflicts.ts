import type { OperationNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { type ColumnModel, nameOf } from '../mapping/index.ts'
import type { ConflictRule, ConflictValue } from '../sql/index.ts'
import { describeValue } from '../support/index.ts'
import { automaticAssignments, readAssignments } from './bulk-write.ts'
import { readWhere } from './conditions.ts'
import type { EntityTable } from './entity-table.ts'
import { freshState } from './query-state.ts'
import { scopeOf } from './scope.ts'

/** What an upsert does with a row that is there, as the program says it. */
export interface GivenConflict {
  readonly on?: readonly string[] | undefined
  readonly set?: readonly string[] | object | undefined
  readonly where?: unknown
  readonly ignore?: boolean | undefined
}

/**
 * What happens to rows that conflict with stored ones.
 *
 * @param given the columns that the rows have values for
 * @throws ArgumentError for unknown properties, and for nothing to set
 */
export function readConflict(
  table: EntityTable,
  call: string,
  given: readonly ColumnModel[],
  { on, set, where, ignore = false }: GivenConflict,
): ConflictRule {
  const target = on === undefined ? table.model.key : on.map((property) => columnOf(table, call, property))
  if (target.length === 0) throw new ArgumentError(`${call}: \`on\` names no property.`)
  if (ignore) {
    if (set !== undefined || where !== undefined) {
      throw new ArgumentError(`${call}: with \`ignore\` stored rows stay as they are; leave \`set\` and \`where\` out.`)
    }
    return { on: target, set: [], where: undefined }
  }
  const changes =
    set === undefined || Array.isArray(set) ? named(table, call, given, target, set) : valued(table, call, set)
  if (changes.length === 0) {
    throw new ArgumentError(
      `${call}: nothing of ${nameOf(table.model)} is left to set; say { ignore: true } to keep stored rows.`,
    )
  }
  const condition = where === undefined ? undefined : readWhere(scopeOf(table), `${call} where`, [where])
  return { on: target, set: changes, where: condition && source(condition.toNode()) }
}

type Changes = ConflictRule['set']

/** From the rows that were to be inserted: the named columns, or all that they have beside what finds the stored row. */
function named(
  table: EntityTable,
  call: string,
  given: readonly ColumnModel[],
  target: readonly ColumnModel[],
  names: readonly string[] | undefined,
): Changes {
  const isFree = (column: ColumnModel) => !column.primaryKey && !target.includes(column) && !column.version
  const columns = names?.map((name) => columnOf(table, call, name)) ?? given.filter(isFree)
  if (columns.length === 0) return []
  const changes = columns.map((column): [ColumnModel, ConflictValue] => [column, 'given'])
  return [...changes, ...automaticAssignments(table, call, new Set(columns)).map(assigned)]
}

function valued(table: EntityTable, call: string, values: object): Changes {
  return readAssignments(table, freshState, call, values).map(assigned)
}

function assigned({
  column,
  node,
}: {
  readonly column: ColumnModel
  readonly node: OperationNode
}): [ColumnModel, ConflictValue] {
  return [column, source(node)]
}

function source(node: OperationNode) {
  return { toOperationNode: () => node }
}

function columnOf(table: EntityTable, call: string, property: unknown): ColumnModel {
  if (typeof property !== 'string')
    throw new ArgumentError(`${call}: a property is named by text, not by ${describeValue(property)}.`)
  const column = table.property(property)
  if (column === undefined) throw table.unknownProperty(call, property)
  return column.model
}

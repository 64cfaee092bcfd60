import { AliasNode, isOperationNodeSource, ParensNode, SelectQueryNode } from 'kysely'
import { ArgumentError } from '../errors.ts'
import { nameOf } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import { type AnySelect, selectBuilder } from './conditions.ts'
import { type EntityTable, standsFor } from './entity-table.ts'
import { type QueryState, scopeIn } from './query-state.ts'
import { filteredSelect } from './select.ts'
import { translate } from './translate.ts'
import { asTranslated } from './translated.ts'

/**
 * The select after `modify()`: what the callback made of the query so far, in the database's language.
 *
 * @throws ArgumentError when the callback gives no builder, or one that does not select the entity's columns
 */
export function modifySelect(table: EntityTable, state: QueryState, change: unknown): SelectQueryNode {
  if (typeof change !== 'function') throw new ArgumentError(`modify() takes a function, not ${describeValue(change)}.`)
  const before = filteredSelect(table, state)
  const result: unknown = (change as (builder: AnySelect) => unknown)(selectBuilder(before))
  const after = isObject(result) && isOperationNodeSource(result) ? result.toOperationNode() : undefined
  if (after === undefined || !SelectQueryNode.is(after)) {
    throw new ArgumentError(`modify(): the callback must return the select builder, not ${describeValue(result)}.`)
  }
  if (!sameItems(before.selections, after.selections)) {
    throw new ArgumentError(
      `modify(): a query for ${nameOf(table.model)} selects its columns and nothing else; for rows of another form use ` +
        'session.execute() or session.db.',
    )
  }
  return translate(scopeIn(table, state), 'modify()', after)
}

/**
 * The select of the entity's columns from rows that a statement of the program's own makes; they have the names of the database.
 *
 * @throws ArgumentError for anything but an expression, and for an entity in a schema of its own
 */
export function selectFrom(table: EntityTable, source: unknown): SelectQueryNode {
  if (!isObject(source) || !isOperationNodeSource(source)) {
    throw new ArgumentError(
      `fromSql() takes a statement as sql\`…\` or Kysely's builder, not ${describeValue(source)}.`,
    )
  }
  if (table.model.schema !== undefined) {
    throw new ArgumentError(
      `fromSql(): ${nameOf(table.model)} is in the schema '${table.model.schema}'; use modify() instead.`,
    )
  }
  const rows = AliasNode.create(ParensNode.create(source.toOperationNode()), table.node.table.identifier)
  const from = standsFor(asTranslated(rows), table)
  return SelectQueryNode.cloneWithSelections(SelectQueryNode.createFrom([from]), table.selections)
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function sameItems(before: readonly unknown[] = [], after: readonly unknown[] = []): boolean {
  return before.length === after.length && before.every((item, index) => item === after[index])
}

import type { Expression, ExpressionBuilder, SqlBool } from 'kysely'
import { MappingError } from '../errors.ts'

// biome-ignore lint/suspicious/noExplicitAny: naming the classes here would have two entities wait for each other's types
type AnyRow = Record<string, any>

/** The tables of a condition: its own two by the names `source` and `target`, and others of the database for subqueries. */
type AnyTables = Record<string, AnyRow>

/**
 * What makes two rows related, in Kysely's words: `source` is the row of the entity whose relation it is, `target` the related one, both
 * with the names of properties.
 *
 * @example
 * (eb) => eb.and([eb('target.userId', '=', eb.ref('source.id')), eb('target.city', '=', 'Boston')])
 */
export type JoinCondition = (eb: ExpressionBuilder<AnyTables, 'source' | 'target'>) => Expression<SqlBool>

/** What a related row has to meet beside its key, in Kysely's words, by the properties of the related entity. */
export type TargetFilter = (eb: ExpressionBuilder<AnyTables, 'target'>) => Expression<SqlBool>

/** A relation's options, as far as its conditions go. */
interface Conditions {
  readonly viewOnly?: boolean
  readonly on?: JoinCondition
  readonly where?: TargetFilter
  readonly foreignKey?: unknown
}

/**
 * A relation by a condition of its own has no key that a flush could write.
 *
 * @param place how messages begin
 * @throws MappingError
 */
export function checkConditions(place: string, { viewOnly, on, where, foreignKey }: Conditions): void {
  if (on === undefined) return
  if (viewOnly !== true) {
    throw new MappingError(
      `${place}: with a condition of its own (on) nothing tells what to write; add { viewOnly: true }, or let the foreign key be and ` +
        'narrow it by { where }.',
    )
  }
  const other = foreignKey === undefined ? (where === undefined ? undefined : 'where') : 'foreignKey'
  if (other === undefined) return
  throw new MappingError(`${place}: on is the whole condition; leave ${other} out, and put what it says into on.`)
}

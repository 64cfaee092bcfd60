import { sql } from 'kysely'
import { ArgumentError } from '../../errors.ts'
import { nameOf, type OrderTerm, type RelationLink, type TargetFilter } from '../../mapping/index.ts'
import type { Dialect, MemberOrder, MemberPart } from '../../sql/index.ts'
import { aFunction, anInteger, nearest, rule } from '../../support/index.ts'
import { isPairTerm, memberOrder, orderTerms } from '../member-order.ts'
import { addedCondition } from '../own-condition.ts'

/** Which members of a collection are loaded, and in what order. */
export interface ChosenMembers<Order = OrderTerm | readonly OrderTerm[]> {
  /** Only those for which it holds, beside the relation's own condition: `(eb) => eb('city', '=', 'Boston')`. */
  readonly where?: TargetFilter
  /** Instead of the order that the relation was declared with. Default: that one. */
  readonly orderBy?: Order
  /** So many for each owner at most, the first by the order; those that are equal in it come by their keys. Default: all. */
  readonly limit?: number
}

/** {@link ChosenMembers} that say something. */
export type MemberChoice = ChosenMembers

/** The properties that an order names. Written so that a compiler cannot infer the order from what is expected of the option. */
export type OrderedBy<Order> = Order extends infer Property extends string
  ? Property
  : Order extends readonly [infer Property extends string, 'asc' | 'desc']
    ? Property
    : Order extends readonly (infer Term)[]
      ? OrderedBy<Term>
      : never

const isTerm = (value: unknown) => typeof value === 'string' || (isPairTerm(value) && typeof value[0] === 'string')

/** What the options that choose members accept. */
export const choiceRules = {
  where: aFunction,
  orderBy: rule(
    "a property, ['property', 'desc'], or an array of these",
    (value) => isTerm(value) || (Array.isArray(value) && value.length > 0 && value.every(isTerm)),
  ),
  limit: anInteger(0),
}

/** What options choose; undefined where that is all members as they are declared. */
export function choiceIn({ where, orderBy, limit }: ChosenMembers): MemberChoice | undefined {
  if (where === undefined && orderBy === undefined && limit === undefined) return undefined
  return { ...(where && { where }), ...(orderBy !== undefined && { orderBy }), ...(limit !== undefined && { limit }) }
}

/** @throws ArgumentError for a relation that is no collection, and for an order by what is no property of its members */
export function checkChoice(call: string, link: RelationLink, { orderBy }: MemberChoice): void {
  const { source, target, property } = link
  if (!link.toMany) {
    throw new ArgumentError(
      `${call}: where, orderBy and limit choose members of a collection, and ${nameOf(source)}.${property} leads to one instance.`,
    )
  }
  for (const [name] of orderTerms(orderBy)) {
    if (target.columnOf.has(name)) continue
    const close = nearest(name, target.columnOf.keys())
    const hint = close === undefined ? '' : `Did you mean '${close}'? `
    throw new ArgumentError(
      `${call} orderBy: ${nameOf(target)} has no property '${name}'. ${hint}Properties: ${[...target.columnOf.keys()].join(', ')}`,
    )
  }
}

/** Whether there may be members that are not loaded. An order alone leaves none out. */
export function isPartial(choice: MemberChoice | undefined): boolean {
  return choice?.where !== undefined || choice?.limit !== undefined
}

/** The order in which members are read. Where they are counted it must be total, or equal ones would come by chance. */
export function orderOf(link: RelationLink, { orderBy, limit }: MemberChoice): MemberOrder[] {
  const order = memberOrder(link, orderBy)
  if (limit === undefined) return order
  const rest = link.target.key.filter((key) => !order.some(({ column }) => column === key))
  return [...order, ...rest.map((column) => ({ column, direction: 'asc' as const }))]
}

/**
 * The part of the members that the statement reads.
 *
 * @param ruled what criteria leave of them
 */
export function partOf(
  dialect: Dialect,
  link: RelationLink,
  { where, limit }: MemberChoice,
  ruled: MemberPart | undefined,
): MemberPart {
  const own = where && addedCondition(dialect, `selectin('${link.property}')`, link, where)
  const both = own && ruled?.condition && sql`${own} and ${ruled.condition}`
  return { condition: both ?? own ?? ruled?.condition, limit }
}

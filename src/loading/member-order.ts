import type { ColumnModel, OrderTerm, RelationLink } from '../mapping/index.ts'
import type { MemberOrder } from '../sql/index.ts'

/** The order that a relation was declared with, or another one of its members. */
export function memberOrder(link: RelationLink, orderBy = link.options.orderBy): MemberOrder[] {
  return orderTerms(orderBy).map(([property, direction]) => ({
    column: link.target.columnOf.get(property) as ColumnModel,
    direction,
  }))
}

/** The properties of an order, each with its direction. */
export function orderTerms(
  orderBy: OrderTerm | readonly OrderTerm[] | undefined,
): (readonly [string, 'asc' | 'desc'])[] {
  if (orderBy === undefined) return []
  const terms = (typeof orderBy === 'string' || isPairTerm(orderBy) ? [orderBy] : orderBy) as readonly OrderTerm[]
  return terms.map((term) => (typeof term === 'string' ? [term, 'asc'] : term))
}

/** Whether it is one property with its direction; a list of two properties is not. */
export function isPairTerm(term: unknown): term is readonly [string, 'asc' | 'desc'] {
  return Array.isArray(term) && term.length === 2 && (term[1] === 'asc' || term[1] === 'desc')
}

import type { ColumnModel, RelationLink } from '../mapping/index.ts'
import type { MemberOrder } from '../sql/index.ts'

/** The order that a relation was declared with. */
export function memberOrder(link: RelationLink): MemberOrder[] {
  const { orderBy } = link.options
  if (orderBy === undefined) return []
  const terms = typeof orderBy === 'string' || isPairTerm(orderBy) ? [orderBy] : orderBy
  return terms.map((term) => {
    const [property, direction] = typeof term === 'string' ? [term, 'asc' as const] : (term as [string, 'asc' | 'desc'])
    return { column: link.target.columnOf.get(property) as ColumnModel, direction }
  })
}

function isPairTerm(term: unknown): term is readonly [string, 'asc' | 'desc'] {
  return Array.isArray(term) && term.length === 2 && (term[1] === 'asc' || term[1] === 'desc')
}

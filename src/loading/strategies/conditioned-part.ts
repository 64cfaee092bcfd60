import { AndNode, ExpressionWrapper } from 'kysely'
import type { MemberPart } from '../../sql/index.ts'
import type { Condition } from '../condition.ts'

/** The part for which conditions hold. Its text comes again where that of each of them does. */
export function conditionedPart(conditions: readonly Condition[]): MemberPart {
  const node = conditions.map((condition) => condition.toNode()).reduce((all, next) => AndNode.create(all, next))
  const condition = new ExpressionWrapper<never, never, unknown>(node)
  const shapes = conditions.map(({ shape }) => shape)
  if (shapes.includes(undefined)) return { condition }
  return { condition, shape: shapes.join(';'), values: conditions.flatMap(({ values }) => values) }
}

import { ExpressionWrapper, type OperationNode } from 'kysely'
import type { MemberPart } from '../../sql/index.ts'
import { allOf, type Condition, textOf } from '../condition.ts'

/** The part for which conditions hold, one at least. Its text comes again where that of each of them does. */
export function conditionedPart(conditions: readonly Condition[]): MemberPart {
  const condition = new ExpressionWrapper<never, never, unknown>(allOf(conditions) as OperationNode)
  return { condition, ...textOf(conditions) }
}

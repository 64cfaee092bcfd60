import { ArgumentError } from '../errors.ts'
import { type EntityModel, isKindOf } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import type { Condition, Criteria } from './condition.ts'
import { readFilters } from './conditions.ts'
import { aliasedTable, type EntityTable } from './entity-table.ts'
import { QueryConditions, RelatedConditions } from './query-conditions.ts'
import { freshState } from './query-state.ts'
import type { QueryTarget } from './query-target.ts'
import type { CriteriaRule } from './strategies/criteria-rule.ts'
import type { LoadPlan } from './strategies/load-plan.ts'

/**
 * For what a statement is: a query of the program's, an update or delete of many rows, or a load of relations for what a query found
 * before.
 */
export type CriteriaUse = 'query' | 'write' | 'relations'

/** The criteria that hold for one run of a query or of a load; undefined where nobody has said any. */
export function criteriaOf(target: QueryTarget, plan: LoadPlan, use: CriteriaUse): Criteria | undefined {
  if (plan.rules.length === 0 && target.criteria === undefined) return undefined
  return new CriteriaInForce(target, plan, use)
}

class CriteriaInForce implements Criteria {
  readonly #target: QueryTarget
  readonly #rules: readonly CriteriaRule[]
  readonly #use: CriteriaUse

  constructor(target: QueryTarget, plan: LoadPlan, use: CriteriaUse) {
    this.#target = target
    this.#rules = [...(target.criteria?.rules ?? []), ...plan.rules]
    this.#use = use
  }

  of(table: EntityTable): readonly Condition[] {
    return this.#inForce(table.model).flatMap((rule) => this.#conditionsOf(rule, table))
  }

  at(plan: LoadPlan): Criteria {
    return new CriteriaInForce(this.#target, plan, this.#use)
  }

  #inForce(model: EntityModel): readonly CriteriaRule[] {
    const rules = this.#rules.filter(({ models }) => models === undefined || models.some((one) => isKindOf(model, one)))
    const lifted = rules.findLastIndex(({ which }) => which === undefined)
    return rules.slice(lifted + 1).filter(({ loaderOnly, propagates }) => {
      if (this.#use === 'write') return !loaderOnly
      return this.#use === 'query' || propagates
    })
  }

  /** They name the entity's table as every query for it does, whatever the statement calls it. */
  #conditionsOf({ which, models = [] }: CriteriaRule, table: EntityTable): readonly Condition[] {
    const alias = table.node.table.identifier.name
    const name = models.find((one) => isKindOf(table.model, one))?.table ?? table.name
    const named = table.name === name ? table : aliasedTable(table, table.model, { name, alias })
    if (typeof which !== 'function') return readFilters(named, which, 'criteria()')
    const start = new RelatedConditions(this.#target, named, freshState, new Set([alias]))
    const made: unknown = which(start, { info: this.#target.criteria?.info ?? {} })
    if (made instanceof RelatedConditions) return QueryConditions.stateOf(made as never).conditions
    throw new ArgumentError(
      `criteria(): the function must return the conditions that it was given, not ${describeValue(made)}.`,
    )
  }
}

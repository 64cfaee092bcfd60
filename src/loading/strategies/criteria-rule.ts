import type { EntityModel } from '../../mapping/index.ts'

/** What holds for the rows of entities wherever they are loaded, or that nothing holds for them that was said before. */
export interface CriteriaRule {
  /** Undefined: all entities. */
  readonly models: readonly EntityModel[] | undefined
  /** Values by property, or the program's function that adds conditions; undefined where the rule lifts those before it. */
  readonly which: unknown
  /** Not for updates and deletes of many rows. */
  readonly loaderOnly: boolean
  /** Also for the statements that load relations of what was found. */
  readonly propagates: boolean
}

/** Nothing holds. */
export const noRules: readonly CriteriaRule[] = []

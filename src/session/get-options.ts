import { applyOptions, type LoaderOption, type LoadPlan, type RowLockOptions, readPaths } from '../loading/index.ts'
import type { EntityModel } from '../mapping/index.ts'
import { aBoolean, anObject, anything, either, rule } from '../support/index.ts'

/** Whether rows are to be locked, and how: `true`, or what to do where they are locked by another. */
export type ForUpdate = boolean | (RowLockOptions & { readonly read?: boolean; readonly keyShare?: boolean })

/** How `get` reads. */
export interface GetOptions {
  /** Read the row again and overwrite the instance, unflushed changes included. Default: false. */
  readonly populateExisting?: boolean
  /** Lock the row, which always reads it. Default: false. */
  readonly forUpdate?: ForUpdate
  /** How relations and columns are loaded, as a query's `options()`: `[selectin('addresses'), raise('*')]`. */
  readonly options?: readonly LoaderOption[]
}

/** How `get` reads an instance together with related ones. */
export interface GetWithOptions<Path extends string> extends GetOptions {
  /** Relations to load with it, as a query's `with()` does: `['addresses', 'groups.users']`. */
  readonly with: readonly Path[]
}

export const getRules = {
  populateExisting: aBoolean,
  forUpdate: either(aBoolean, anObject),
  with: anything,
  options: rule('an array of loader options', Array.isArray),
}

/** What `get` is told about relations and columns; undefined where it is told nothing. */
export function readPlan(
  label: string,
  model: EntityModel,
  options: (GetOptions & { readonly with?: readonly string[] }) | undefined,
): LoadPlan | undefined {
  if (options?.with === undefined && options?.options === undefined) return undefined
  const plan = options.with === undefined ? undefined : readPaths(label, model, options.with)
  return options.options === undefined ? plan : applyOptions(label, model, options.options, plan)
}

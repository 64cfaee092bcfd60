export type { Assignment, BulkOptions, BulkWrite, Synchronize } from './bulk.ts'
export type { Criteria } from './condition.ts'
export { type GivenConflict, readConflict } from './conflicts.ts'
export { criteriaOf } from './criteria.ts'
export { entityTable } from './entity-table.ts'
export { decodedHydrationOf, type HydrateListener, type HydrateOptions, hydrateRows, hydrationOf } from './hydrate.ts'
export type { Hydration } from './hydration.ts'
export type { KeysetPage } from './keyset.ts'
export { hasKinds } from './kinds.ts'
export { settled } from './late-value.ts'
export { type RowLockOptions, readLock } from './locks.ts'
export { Page, type PageEdges, type PaginateOptions } from './page.ts'
export { type PreparedOn, prepared, query } from './prepared.ts'
export { Query, type StreamOptions } from './query.ts'
export type { BulkValues } from './query-bulk.ts'
export type { EntitySelect, QueryTarget, SessionCriteria } from './query-target.ts'
export type { Queryable, Tables } from './query-types.ts'
export { isLoaded, loadRelation, readStored, relatedValue } from './related.ts'
export { type Reader, type RelatedSource, readBeyond, readByKeys, readExpired } from './related-rows.ts'
export { hasRelationsToLoad, loadBelow, loadTree, type TreeOptions } from './related-tree.ts'
export { readPaths } from './relation-paths.ts'
export { RowQuery } from './row-query.ts'
export { instancesIn, type RowSelect, readRows } from './rows.ts'
export type { Selectable, Selected, SelectTools } from './selection.ts'
export { defer, loadOnly, undefer, undeferGroup } from './strategies/column-loaders.ts'
export {
  type CriteriaContext,
  type CriteriaOptions,
  criteria,
  LoaderCriteria,
  withoutCriteria,
} from './strategies/criteria-options.ts'
export { type HydratedJoins, type HydratedSelect, hydrateJoined } from './strategies/joined-rows.ts'
export { joinsByKey, selectOfKey } from './strategies/key-select.ts'
export { isEager, type LoadPlan, noPlan, notePlan, planOf, type Strategy } from './strategies/load-plan.ts'
export { applyOptions, LoaderOption, RelationLoader } from './strategies/loader-options.ts'
export {
  type ContainsEagerOptions,
  containsEager,
  defaultload,
  immediate,
  type JoinedOptions,
  joined,
  lazy,
  type RaiseOptions,
  type RecursionOptions,
  raise,
  type SelectinOptions,
  selectin,
} from './strategies/loaders.ts'
export { membersQuery } from './strategies/members-query.ts'

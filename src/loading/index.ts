export { type HydrateListener, type HydrateOptions, type Hydration, hydrateRows, hydrationOf } from './hydrate.ts'
export type { KeysetPage } from './keyset.ts'
export { settled } from './late-value.ts'
export { type RowLockOptions, readLock } from './locks.ts'
export { Page, type PageEdges, type PaginateOptions } from './page.ts'
export { Query, type StreamOptions } from './query.ts'
export type { EntitySelect, QueryTarget } from './query-target.ts'
export type { Queryable } from './query-types.ts'
export {
  isLoaded,
  loadRelation,
  type RelatedSource,
  readByKeys,
  readExpired,
  readStored,
  relatedValue,
} from './related.ts'
export { hasRelationsToLoad, loadTree, type TreeOptions } from './related-tree.ts'
export { noRelations, type RelationTree, readPaths } from './relation-paths.ts'
export { RowQuery } from './row-query.ts'
export { type RowSelect, readRows } from './rows.ts'
export type { Selectable, Selected, SelectTools } from './selection.ts'

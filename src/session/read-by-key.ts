import type { EntitySelect, LoadPlan } from '../loading/index.ts'
import type { LockOptions } from '../sql/index.ts'
import type { InstanceState } from '../state/index.ts'

/** How one instance is read by its key. */
export interface ReadOptions {
  readonly populateExisting: boolean
  readonly lock: LockOptions | undefined
  /** What is said of the loading of its relations and columns. Default: what the query said that it came from. */
  readonly plan?: LoadPlan
  /** The instance whose relations are dropped once its row is there. */
  readonly renew?: InstanceState
  /** Whether criteria hold for the row itself. Default: false. */
  readonly hides?: boolean
}

/** What was found by a key. */
export interface ReadByKey {
  readonly state: InstanceState | null
  /** What came in the same row. */
  readonly joined: EntitySelect['joined'] | undefined
}

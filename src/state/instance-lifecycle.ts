import { defineLifecycle } from '../support/index.ts'
import type { InstanceState, InstanceStatus } from './instance-state.ts'

/** A change of status, as listeners hear of it. */
export type Transition =
  | 'transientToPending'
  | 'pendingToTransient'
  | 'pendingToPersistent'
  | 'persistentToTransient'
  | 'persistentToDeleted'
  | 'deletedToPersistent'
  | 'deletedToDetached'
  | 'persistentToDetached'
  | 'detachedToPersistent'
  | 'loadedAsPersistent'

/** What moves the status of an instance: a transition, or the program by a function of its own. */
export type InstanceMove = Transition | 'makeTransient' | 'makeTransientToDetached'

/** The legal moves of an instance. One that was inserted and deleted in the transaction that is rolled back is new again, like any other. */
export const instanceLifecycle = defineLifecycle<InstanceStatus, InstanceMove>({
  name: 'instance',
  initial: 'transient',
  moves: {
    transientToPending: { from: ['transient'], to: 'pending' },
    pendingToTransient: { from: ['pending'], to: 'transient' },
    pendingToPersistent: { from: ['pending'], to: 'persistent' },
    loadedAsPersistent: { from: ['transient'], to: 'persistent' },
    persistentToDeleted: { from: ['persistent'], to: 'deleted' },
    deletedToPersistent: { from: ['deleted'], to: 'persistent' },
    persistentToTransient: { from: ['persistent', 'deleted'], to: 'transient' },
    persistentToDetached: { from: ['persistent'], to: 'detached' },
    deletedToDetached: { from: ['deleted'], to: 'detached' },
    detachedToPersistent: { from: ['detached'], to: 'persistent' },
    makeTransient: { from: ['transient', 'detached'], to: 'transient' },
    makeTransientToDetached: { from: ['transient'], to: 'detached' },
  },
})

/** Moves the status of an instance. @throws IllegalStateChangeError where it may not go */
export function moveStatus(state: InstanceState, move: InstanceMove): void {
  state.status = instanceLifecycle.next(state.status, move)
}

import { linksOf } from '../../mapping/index.ts'
import type { InstanceState, UnitOfWork } from '../../state/index.ts'

/** Drops the relations of instances, unflushed changes included, so that they are read again; each instance once. */
export function renew(unit: UnitOfWork, states: readonly (InstanceState | null)[], renewed: Set<InstanceState>): void {
  for (const state of states) {
    if (state === null || renewed.has(state)) continue
    renewed.add(state)
    if (state.related === undefined) continue
    for (const link of linksOf(state.model)) unit.expireRelation(state, link)
  }
}

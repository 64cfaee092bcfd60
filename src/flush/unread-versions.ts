import type { Connection } from '../engine/index.ts'
import { StaleDataError } from '../errors.ts'
import type { ColumnModel, EntityModel } from '../mapping/index.ts'
import { type IdentityKey, type InstanceState, identityOf, type UnitOfWork } from '../state/index.ts'
import type { ConnectionFor } from './run.ts'

/** Whether there is anything for {@link readUnreadVersions} to read. */
export function lacksVersions(unit: UnitOfWork): boolean {
  for (const state of unit.dirty) if (lacksVersion(state)) return true
  for (const state of unit.doomed) if (lacksVersion(state)) return true
  return false
}

/**
 * Reads the versions of rows that are to be written and whose instances have expired: without one a row could not be checked. One
 * statement for each entity.
 *
 * @throws StaleDataError where a row is gone
 */
export async function readUnreadVersions(unit: UnitOfWork, connectionFor: ConnectionFor): Promise<void> {
  const unread: InstanceState[] = []
  for (const state of unit.dirty) if (lacksVersion(state)) unread.push(state)
  for (const state of unit.doomed) if (lacksVersion(state)) unread.push(state)
  if (unread.length === 0) return
  for (const [model, states] of Map.groupBy(unread, (state) => state.model)) {
    const connection = await connectionFor(model)
    const versions = await versionsOf(connection, model, states)
    for (const state of states) take(unit, state, versions.get(state.identity as IdentityKey))
  }
}

function lacksVersion(state: InstanceState): boolean {
  const { originals } = state
  const { version } = state.model
  if (version === undefined) return false
  return (
    state.raw[version.index] === undefined ||
    (originals?.has(version.index) === true && originals.get(version.index) === undefined)
  )
}

async function versionsOf(
  connection: Connection,
  model: EntityModel,
  states: readonly InstanceState[],
): Promise<Map<IdentityKey | undefined, unknown>> {
  const columns = [model.version as ColumnModel, ...model.key]
  const decode = columns.map((column) => connection.dialect.codec(column.type).decode as Decode)
  const found = new Map<IdentityKey | undefined, unknown>()
  const keys = [...new Set(states)].map(({ storedKey }) => storedKey as readonly unknown[])
  for (const statement of connection.statements.selectByKeys(model, columns)(keys)) {
    for (const row of (await connection.run(statement)).rows as readonly (readonly unknown[])[]) {
      const [version, ...key] = row.map((value, i) => (value === null ? null : (decode[i]?.(value) ?? value)))
      found.set(identityOf(model, key), version)
    }
  }
  return found
}

type Decode = ((value: unknown) => unknown) | undefined

function take(unit: UnitOfWork, state: InstanceState, version: unknown): void {
  const { index } = state.model.version as ColumnModel
  if (version === undefined) {
    throw new StaleDataError(
      `Flushing ${state.describe()}: its row is gone, so somebody else has deleted it since it was read; roll back, and read again.`,
      { identities: [state.describe()] },
    )
  }
  unit.snapshot?.noteLoad(state)
  if (state.originals?.has(index) === true) state.originals.set(index, version)
  else state.values[index] = version
}

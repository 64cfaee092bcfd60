import { FlushError } from '../errors.ts'
import type { ColumnModel } from '../mapping/index.ts'
import type { InstanceState, ValuesByColumn } from '../state/index.ts'

/** The values of rows inserted by this flush, by column index. */
export interface MadeRows {
  get(state: InstanceState): readonly unknown[] | undefined
}

/** The value of another instance's column, which may not exist before that one's INSERT has run. */
export class DeferredKey {
  readonly state: InstanceState
  readonly column: ColumnModel

  constructor(state: InstanceState, column: ColumnModel) {
    this.state = state
    this.column = column
  }

  /** The value now that its row is there. */
  resolve(made: MadeRows): unknown {
    const row = made.get(this.state)
    return row === undefined ? this.state.values[this.column.index] : row[this.column.index]
  }
}

/** The value that a foreign key is to hold: known now, or once the row it points at is inserted. */
export function keyOf(state: InstanceState, column: ColumnModel): unknown {
  if (state.status === 'pending') return new DeferredKey(state, column)
  const value = state.values[column.index]
  return value === undefined ? storedKeyOf(state, column) : value
}

/** An expired instance still knows the key of its row. */
function storedKeyOf(state: InstanceState, column: ColumnModel): unknown {
  const value = state.storedKey?.[state.model.key.indexOf(column)]
  if (value !== undefined) return value
  const { property } = column
  throw new FlushError(
    `Flushing a relation to ${state.describe()}: its ${property}, which the foreign key is to hold, is not loaded; ` +
      `await session.refresh(instance, ['${property}']) first.`,
  )
}

/** Replaces deferred keys in an array of column values by what they have become. */
export function resolveValues(values: unknown[], made: MadeRows): void {
  for (let i = 0; i < values.length; i++) {
    const value = values[i]
    if (value instanceof DeferredKey) values[i] = value.resolve(made)
  }
}

/** Whether a value is a key that is not made yet. */
export function isDeferred(value: unknown): value is DeferredKey {
  return value instanceof DeferredKey
}

/** The same in the changes of an update. */
export function resolveChanges(changes: ValuesByColumn, made: MadeRows): void {
  if (!changes.some(isDeferred)) return
  for (const [index, value] of changes) if (isDeferred(value)) changes.set(index, value.resolve(made))
}

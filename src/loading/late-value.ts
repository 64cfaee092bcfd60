import type { Statement } from '../drivers/index.ts'
import { InvalidRequestError } from '../errors.ts'
import type { InstanceState } from '../state/index.ts'
import type { BoundColumn } from './entity-table.ts'

/** A value of a statement that an instance holds when it runs, which may be after the flush that makes it. */
export class LateValue {
  readonly #state: InstanceState
  readonly #column: BoundColumn
  readonly #call: string

  constructor(call: string, state: InstanceState, column: BoundColumn) {
    this.#call = call
    this.#state = state
    this.#column = column
  }

  /** @throws InvalidRequestError when the instance does not have the value */
  read(): unknown {
    const { model, encode } = this.#column
    const { values, storedKey, model: entity } = this.#state
    const value = values[model.index] ?? storedKey?.[entity.key.indexOf(model)]
    if (value !== undefined && value !== null) return encode(value)
    const who = this.#state.describe()
    throw new InvalidRequestError(
      `${this.#call}: there is no value for ${who}.${model.property}, by which rows are compared with it; ` +
        `${storedKeyHint(this.#state)}.`,
    )
  }
}

function storedKeyHint({ storedKey }: InstanceState): string {
  return storedKey === undefined
    ? 'the instance was never flushed: add it to the session and flush, or leave autoflush on'
    : 'refresh the instance first'
}

/** The statement with the values that instances hold now in the place of those that were promised. */
export function settled(statement: Statement): Statement {
  const { parameters } = statement
  if (!parameters.some((value) => value instanceof LateValue)) return statement
  return { ...statement, parameters: parameters.map((value) => (value instanceof LateValue ? value.read() : value)) }
}

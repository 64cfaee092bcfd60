import type { InstanceState } from './instance-state.ts'
import { tryStateOf } from './slot.ts'

/**
 * The columns of an instance as a plain object, those that are not there left out: for copies that leave the session, for
 * `structuredClone`, for other threads.
 */
export function toObject(this: object): Record<string, unknown> {
  return plainValues(tryStateOf(this))
}

/** What `JSON.stringify` shows: the same, with 64-bit integers and bytes in forms that JSON has (digits, base64). */
export function toJson(this: object): Record<string, unknown> {
  const values = plainValues(tryStateOf(this))
  for (const name of Object.keys(values)) values[name] = jsonValue(values[name])
  return values
}

function jsonValue(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString()
  if (value instanceof Uint8Array)
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64')
  return value
}

/** What `console.log` and `util.inspect` show: the class and the columns, `<not loaded>` for those that are not there. */
export function inspectInstance(
  this: object,
  depth: number,
  options: object,
  inspect: (value: unknown, options: object) => string,
): string {
  const state = tryStateOf(this)
  const name = (this.constructor as { readonly name?: string } | undefined)?.name ?? 'Entity'
  if (state === undefined) return `[${name}.prototype]`
  if (depth < 0) return `[${name}]`
  const shown = plainValues(state)
  if (state.status !== 'transient' && state.status !== 'pending') {
    for (const column of state.absentColumns()) shown[column.property] = NOT_LOADED
  }
  return `${name} ${inspect(shown, options)}`
}

/** Printed without quotes. */
const NOT_LOADED = { [Symbol.for('nodejs.util.inspect.custom')]: () => '<not loaded>' }

function plainValues(state: InstanceState | undefined): Record<string, unknown> {
  const plain: Record<string, unknown> = {}
  if (state === undefined) return plain
  for (const { property, index } of state.model.columns) {
    const value = state.values[index]
    if (value !== undefined) plain[property] = value
  }
  return plain
}

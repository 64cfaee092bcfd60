import type { InstanceState } from './instance-state.ts'

/**
 * The way from an instance to its state: an accessor on the prototype that reads a private slot. A private slot, so that
 * nothing heddle keeps is visible on the instance; on the prototype, so that creating an instance defines nothing.
 */
export const STATE: unique symbol = Symbol('heddle.state')

/** An instance as heddle sees it. */
export interface Stateful {
  readonly [STATE]: InstanceState | undefined
}

/** The state behind an instance, or undefined for anything that is no instance of an entity class. */
export function tryStateOf(value: unknown): InstanceState | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  return (value as Stateful)[STATE]
}

/** The method by which Node shows a value. */
export const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never

/** How Node shows a value inside of another. */
export type Inspect = (value: unknown, options: object) => string

/** What the property of a collection gives, whatever it is: loaded or not, array, set or map. */
export interface CollectionView {
  readonly isLoaded: boolean
  add(...items: object[]): void
  remove(...items: object[]): void
}

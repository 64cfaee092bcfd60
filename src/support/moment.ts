/**
 * Milliseconds since 1970 as a Date; everything else as it is, as the numbers for times without an end and texts that no Date can hold.
 */
export function momentOf(value: unknown): unknown {
  if (typeof value !== 'number') return value
  return value === Number.POSITIVE_INFINITY || value === Number.NEGATIVE_INFINITY ? value : new Date(value)
}

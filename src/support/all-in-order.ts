/**
 * Waits until all promises have settled, and gives their values in order.
 *
 * @throws what the first of them, in their order, was rejected with; the others are not reported as unhandled
 */
export async function allInOrder<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  const values: T[] = []
  for (const settled of await Promise.allSettled(promises)) {
    if (settled.status === 'rejected') throw settled.reason
    values.push(settled.value)
  }
  return values
}

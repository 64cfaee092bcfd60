import { CircularDependencyError } from '../errors.ts'
import type { ColumnModel } from '../mapping/index.ts'
import type { PendingInsert } from './work.ts'

/** The error for rows that each need another one to be there first. */
export function circularDependency(
  circle: readonly PendingInsert[],
  keysTo: (row: PendingInsert, other: PendingInsert) => readonly ColumnModel[],
): CircularDependencyError {
  const links = circle.map((row, i) => {
    const next = circle[(i + 1) % circle.length] as PendingInsert
    const { name } = row.state.model
    return keysTo(row, next).map(({ property }) => `${name}.${property}`)
  })
  const names = [...new Set(links.flat())]
  return new CircularDependencyError(
    `Flushing ${circle.map(({ state }) => state.describe()).join(' → ')} → ${circle[0]?.state.describe()}: each is to refer to the ` +
      `next by a key that may not be null (${names.join(', ')}), so none of them can be inserted first. Let one of these keys be ` +
      'nullable(): it is then written by an UPDATE once the other row is there.',
    { circle: names },
  )
}

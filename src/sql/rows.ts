/** Rows next to one another that can travel together, and the place of the first among all rows. */
export interface RowRun<T> {
  readonly kind: string
  readonly start: number
  readonly rows: readonly T[]
}

/** A row of this kind never travels with others. */
export const ALONE = 'alone'

/** Splits rows into runs of one kind, in their order. */
export function runsOf<T>(rows: readonly T[], kindOf: (row: T) => string): RowRun<T>[] {
  const runs: RowRun<T>[] = []
  let start = 0
  while (start < rows.length) {
    const kind = kindOf(rows[start] as T)
    let end = start + 1
    while (kind !== ALONE && end < rows.length && kindOf(rows[end] as T) === kind) end += 1
    runs.push({ kind, start, rows: start === 0 && end === rows.length ? rows : rows.slice(start, end) })
    start = end
  }
  return runs
}

/** Characters and bytes of long values in one statement, far below what a server refuses by default (16 MiB). */
const LARGEST_STATEMENT = 4 * 1024 * 1024

/** Splits rows so that no statement has more than `limit` rows or grows beyond what a server takes. */
export function chunksOf<T>(rows: readonly T[], limit: number, valuesOf: (row: T) => readonly unknown[]): RowRun<T>[] {
  const chunks: RowRun<T>[] = []
  let start = 0
  let size = 0
  for (let at = 0; at < rows.length; at += 1) {
    const weight = weightOf(valuesOf(rows[at] as T))
    if (at > start && (at - start >= limit || size + weight > LARGEST_STATEMENT)) {
      chunks.push({ kind: '', start, rows: rows.slice(start, at) })
      start = at
      size = 0
    }
    size += weight
  }
  if (start < rows.length) chunks.push({ kind: '', start, rows: start === 0 ? rows : rows.slice(start) })
  return chunks
}

function weightOf(values: readonly unknown[]): number {
  let weight = 0
  for (const value of values) {
    if (typeof value === 'string') weight += value.length
    else if (value instanceof Uint8Array) weight += 2 * value.length
  }
  return weight
}

/**
 * The smallest power of two that is not below the count: statements are made for those sizes only, so that there are
 * few of them.
 */
export function paddedSize(count: number): number {
  let size = 1
  while (size < count) size *= 2
  return size
}

/** The largest power of two that is not above the limit. */
export function largestSize(limit: number): number {
  let size = 1
  while (size * 2 <= limit) size *= 2
  return size
}

/** A table of two columns: what, and how much. */
export function table(rows: readonly (readonly [what: string, value: string | number | bigint])[]): string {
  const texts = rows.map(
    ([what, value]) => [what, typeof value === 'string' ? value : value.toLocaleString('en')] as const,
  )
  const left = Math.max(...texts.map(([what]) => what.length))
  const right = Math.max(...texts.map(([, value]) => value.length))
  const rule = `+${'-'.repeat(left + 2)}+${'-'.repeat(right + 2)}+`
  const lines = texts.map(([what, value]) => `| ${what.padEnd(left)} | ${value.padStart(right)} |`)
  return [rule, ...lines, rule].join('\n')
}

/** The value that `percent` of a hundred are not above. Zero for none. */
export function percentile(values: readonly number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? 0
}

/** Milliseconds as text. */
export function milliseconds(value: number): string {
  return `${value.toFixed(1)} ms`
}

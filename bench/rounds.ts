/** One workload, done by both sides; each gives a value by which the two are compared. */
export interface Workload {
  readonly name: string
  /** Before each measured run, not measured. */
  readonly prepare?: () => Promise<void>
  readonly heddle: () => Promise<unknown>
  readonly bare: () => Promise<unknown>
}

/** Milliseconds of the runs of one side. */
export interface Times {
  readonly median: number
  readonly least: number
  readonly most: number
}

export interface Comparison {
  readonly name: string
  readonly heddle: Times
  readonly bare: Times
  /** heddle ÷ bare, of the medians. */
  readonly ratio: number
}

/** Runs both sides in turn, the order reversed every second round, and compares what they gave. */
export async function compare(workload: Workload, rounds: number): Promise<Comparison> {
  const times = { heddle: [] as number[], bare: [] as number[] }
  const sides = ['heddle', 'bare'] as const
  for (let round = -2; round < rounds; round++) {
    const results: Partial<Record<(typeof sides)[number], string>> = {}
    for (const side of round % 2 === 0 ? sides : sides.toReversed()) {
      await workload.prepare?.()
      const start = performance.now()
      const result = await workload[side]()
      const time = performance.now() - start
      results[side] = JSON.stringify(result)
      if (round >= 0) times[side].push(time)
    }
    if (results.heddle !== results.bare) {
      throw new Error(`${workload.name}: the two sides differ: ${results.heddle} and ${results.bare}`)
    }
  }
  const heddle = summary(times.heddle)
  const bare = summary(times.bare)
  return { name: workload.name, heddle, bare, ratio: heddle.median / bare.median }
}

function summary(times: readonly number[]): Times {
  const sorted = times.toSorted((a, b) => a - b)
  return {
    median: sorted[Math.floor(sorted.length / 2)] as number,
    least: sorted[0] as number,
    most: sorted.at(-1) as number,
  }
}

import { writeFileSync } from 'node:fs'
import type { SerializedError } from 'vitest'
import type { Reporter, TestModule } from 'vitest/node'

/** How a run ended, in numbers. */
export interface Totals {
  readonly passed: number
  readonly failed: number
  readonly skipped: number
}

/**
 * Writes the run's totals to the file that HEDDLE_TEST_TOTALS names. A file that could not be read, a hook that failed
 * and an error outside of every test count as failed, since they are no less than a failed test.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly SerializedError[]): void {
    const file = process.env['HEDDLE_TEST_TOTALS']
    if (file) writeFileSync(file, `${JSON.stringify(totalsOf(modules, unhandledErrors.length))}\n`)
  }
}

function totalsOf(modules: readonly TestModule[], unhandled: number): Totals {
  const states = modules.flatMap((module) => [...module.children.allTests()].map((test) => test.result().state))
  const count = (wanted: string) => states.filter((state) => state === wanted).length
  const broken = modules
    .flatMap((module) => [module, ...module.children.allSuites()])
    .filter((each) => each.errors().length > 0)
  const failed = count('failed') + count('pending') + broken.length + unhandled
  return { passed: count('passed'), failed, skipped: count('skipped') }
}

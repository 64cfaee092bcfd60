import type { Reporter, TestCase, TestModule } from 'vitest/node'
import { behaviourIds, sections } from './behaviours.ts'

type Result = 'pass' | 'fail' | '–'

const databases = ['sqlite', 'better-sqlite3', 'sqlite-memory', 'postgres', 'pglite', 'mariadb', 'mysql']
/** The column of tests that use no database. */
const elsewhere = 'no database'

/** Prints which behaviours hold on which databases, as the tests of this run showed it. */
export default class ConformanceReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const results = collect(modules)
    const unknown = [...results.keys()].filter((id) => !behaviourIds.includes(id))
    console.log(['', ...table(results), '', ...counts(results), '', ...uncovered(results)].join('\n'))
    if (unknown.length > 0) {
      console.error(`Ids in test names that no behaviour has: ${unknown.join(', ')}`)
      process.exitCode = 1
    }
  }
}

/** Of each id, the result by database. */
function collect(modules: readonly TestModule[]): Map<string, Map<string, Result>> {
  const results = new Map<string, Map<string, Result>>()
  for (const test of modules.flatMap((module) => [...module.children.allTests()])) {
    for (const id of idsOf(test.name)) {
      const row = results.get(id) ?? new Map<string, Result>()
      const column = databaseOf(test)
      results.set(id, row.set(column, worse(row.get(column), resultOf(test))))
    }
  }
  return results
}

function idsOf(name: string): string[] {
  const start = /^(?:[A-Z]+-\d{3}(?:[\s,;:+]+|$))+/.exec(name)?.[0] ?? ''
  return start.match(/[A-Z]+-\d{3}/g) ?? []
}

function databaseOf(test: TestCase): string {
  for (let suite = test.parent; suite.type === 'suite'; suite = suite.parent) {
    const name = suite.name.split(' ')[0] ?? ''
    if (databases.includes(name)) return name
  }
  return elsewhere
}

function resultOf(test: TestCase): Result {
  const { state } = test.result()
  if (state === 'passed') return 'pass'
  return state === 'skipped' ? '–' : 'fail'
}

function worse(before: Result | undefined, now: Result): Result {
  const order: readonly (Result | undefined)[] = ['fail', 'pass', '–', undefined]
  return order.indexOf(before) < order.indexOf(now) ? (before ?? now) : now
}

function table(results: ReadonlyMap<string, ReadonlyMap<string, Result>>): string[] {
  const seen = new Set([...results.values()].flatMap((row) => [...row.keys()]))
  const columns = [...databases, elsewhere].filter((column) => seen.has(column))
  const rows = behaviourIds.filter((id) => results.has(id))
  const line = (first: string, cells: readonly string[]) =>
    [first.padEnd(12), ...cells.map((cell, index) => cell.padEnd(columns[index]?.length ?? 0))].join('  ').trimEnd()
  return [
    line('behaviour', columns),
    ...rows.map((id) =>
      line(
        id,
        columns.map((column) => results.get(id)?.get(column) ?? '–'),
      ),
    ),
  ]
}

function counts(results: ReadonlyMap<string, ReadonlyMap<string, Result>>): string[] {
  const line = (name: string, ids: readonly string[], title: string) => {
    const covered = ids.filter((id) => holds(results.get(id)))
    const failing = ids.filter((id) => [...(results.get(id)?.values() ?? [])].includes('fail'))
    const failed = failing.length > 0 ? `, ${failing.length} failing` : ''
    return `${name.padEnd(12)}  ${covered.length} of ${ids.length}${failed}  ${title}`
  }
  const lines = sections.map(({ name, title, numbers }) =>
    line(
      name,
      numbers.map((number) => `${name}-${number}`),
      title,
    ),
  )
  return [...lines, line('all', behaviourIds, '')].map((each) => each.trimEnd())
}

/** A behaviour holds when a test of it passed somewhere and failed nowhere. */
function holds(row: ReadonlyMap<string, Result> | undefined): boolean {
  const all = [...(row?.values() ?? [])]
  return all.includes('pass') && !all.includes('fail')
}

function uncovered(results: ReadonlyMap<string, ReadonlyMap<string, Result>>): string[] {
  const lines = sections.flatMap(({ name, numbers }) => {
    const open = numbers.filter((number) => !results.has(`${name}-${number}`))
    return open.length > 0 ? [`${name.padEnd(12)}  ${open.join(' ')}`] : []
  })
  return lines.length > 0 ? ['not covered by any test:', ...lines] : ['every behaviour is covered by a test']
}

import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Progress } from '../../../examples/bank-api/progress.ts'
import { milliseconds, percentile, table } from '../../../examples/bank-api/report.ts'
import { openEngine } from '../../support/engines.ts'
import { onEvery } from '../../support/index.ts'
import { runNode } from '../../support/package/built-package.ts'
import { repository } from '../../support/repository.ts'
import { temporaryFolder } from '../../support/temporary-folder.ts'

const folder = temporaryFolder('demo-')

/** Runs the demo as a user does, with temporary files in a folder that the test can look into. */
function demo(...args: string[]) {
  return runNode([join(repository, 'examples/bank-api/demo.ts'), ...args], folder(), {
    ...process.env,
    NODE_OPTIONS: '',
    TMPDIR: folder(),
  })
}

/** The value of a row of the table. */
function row(output: string, what: string): string | undefined {
  return output
    .split('\n')
    .find((each) => each.startsWith(`| ${what} `))
    ?.split('|')[2]
    ?.trim()
}

function expectGood(
  { code, output }: { code: number | null; output: string },
  requests: number,
  accounts: number,
): void {
  expect(code, output).toBe(0)
  expect(output).toContain('All invariants hold.')
  expect(row(output, 'requests')).toBe(String(requests + accounts))
  expect(row(output, 'connections leaked')).toBe('0')
  expect(row(output, 'balances equal to their history')).toBe(`${accounts} of ${accounts}`)
  expect(row(output, 'sum of all balances')).toBe(row(output, 'what was paid in'))
  const [vanished, rolledBack] = row(output, 'clients that vanished / rolled back')?.split(' / ') ?? []
  expect(Number(vanished)).toBeGreaterThan(0)
  expect(Number(rolledBack)).toBeLessThanOrEqual(Number(vanished))
  const [tried, refused] = row(output, 'overdrafts tried / refused')?.split(' / ') ?? []
  expect(Number(tried)).toBeGreaterThan(0)
  expect(refused).toBe(tried)
  expect(Number(row(output, 'connections taken at most'))).toBeGreaterThan(0)
}

describe('the demo', () => {
  it('runs on a temporary SQLite file, which it removes', async () => {
    const ended = await demo('--clients', '12', '--requests', '240', '--accounts', '6')
    expectGood(ended, 240, 6)
    expect(ended.output).toContain('/bank.db')
    expect(readdirSync(folder())).toEqual([])
  })

  it('removes an SQLite file that it has made, and explains what it does not understand', async () => {
    const file = join(folder(), 'made.db')
    expectGood(
      await demo('--url', `sqlite:///${file}`, '--requests', '120', '--clients', '4', '--accounts', '3'),
      120,
      3,
    )
    expect(existsSync(file)).toBe(false)
    for (const wrong of [
      ['--clients', '0'],
      ['--accounts', '1'],
      ['--url', 'nowhere'],
      ['--speed', '9'],
    ]) {
      const { code, output } = await demo(...wrong)
      expect(code, output).toBe(2)
      expect(output).toMatch(/Error/)
    }
    expect(readdirSync(folder())).toEqual([])
  })
})

onEvery({ needs: ['server'] }, (db) => {
  it('the demo runs with more clients than connections and leaves no table behind', async () => {
    expectGood(await demo('--url', db.url, '--clients', '40', '--requests', '400', '--accounts', '8'), 400, 8)
    await using connection = await openEngine(db).connect()
    const tables = await connection.db.introspection.getTables()
    expect(tables.map(({ name }) => name)).toEqual([])
  })
})

/** A progress and what it has written. */
function screen(isTTY: boolean) {
  const written: string[] = []
  const progress = new Progress(200, { isTTY, write: (text) => written.push(text) > 0 })
  return { progress, text: () => written.join('') }
}

describe('what the demo shows', () => {
  it('is a bar on a terminal and a line for every tenth elsewhere', () => {
    const terminal = screen(true)
    const pipe = screen(false)
    for (const { progress } of [terminal, pipe]) {
      for (let done = 1; done <= 200; done += 1) progress.show(done)
      progress.end()
    }
    expect(pipe.text().split('\n').slice(0, -1)).toEqual(
      [20, 40, 60, 80, 100, 120, 140, 160, 180, 200].map((n) => `${n} of 200 requests`),
    )
    expect(terminal.text().split('\r')).toHaveLength(101)
    expect(terminal.text().endsWith(`\r[${'='.repeat(40)}] 200 of 200\n`)).toBe(true)
  })

  it('is a table of what was counted', () => {
    expect(
      table([
        ['a', 1_000],
        ['longer', 'x'],
      ]),
    ).toBe(['+--------+-------+', '| a      | 1,000 |', '| longer |     x |', '+--------+-------+'].join('\n'))
    const hundred = Array.from({ length: 100 }, (_, index) => 100 - index)
    expect([50, 99, 100].map((percent) => percentile(hundred, percent))).toEqual([50, 99, 100])
    expect(percentile([], 99)).toBe(0)
    expect(milliseconds(1.25)).toBe('1.3 ms')
  })
})

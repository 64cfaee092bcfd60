import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import type { Product } from './contract.ts'
import { plot } from './plot.ts'
import { WORKLOADS } from './workloads.ts'

/** What one library took for one workload: milliseconds of each round (for W7 bytes a row). */
export interface Cell {
  readonly workload: string
  readonly library: string
  readonly wall: readonly number[]
  readonly cpu: readonly number[]
  readonly steps: number
}

export interface ProductResult {
  readonly product: Product
  readonly libraries: readonly { readonly name: string; readonly version: string }[]
  readonly cells: readonly Cell[]
  readonly rounds: number
  /** Milliseconds for which each library ran a workload before it was measured. */
  readonly warming: number
}

const NAMES: Readonly<Record<Product, string>> = { sqlite: 'SQLite', postgres: 'PostgreSQL', mariadb: 'MariaDB' }

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 === 1
    ? (sorted[middle] as number)
    : ((sorted[middle - 1] as number) + (sorted[middle] as number)) / 2
}

/** A library's median divided by the bare driver's; undefined where one of them was not measured. */
export function ratioOf(
  result: ProductResult,
  workload: string,
  library: string,
  by: 'wall' | 'cpu',
): number | undefined {
  const find = (name: string) => result.cells.find((cell) => cell.workload === workload && cell.library === name)
  const [own, bare] = [find(library), find('bare')]
  return own === undefined || bare === undefined ? undefined : median(own[by]) / median(bare[by])
}

/** The workloads that a result has, in order. */
export function workloadsOf(result: ProductResult): string[] {
  const measured = new Set(result.cells.map(({ workload }) => workload))
  return [...WORKLOADS.map(({ id }) => id), 'W7'].filter((id) => measured.has(id))
}

function shown(ratio: number | undefined): string {
  if (ratio === undefined) return '–'
  return ratio >= 10 ? ratio.toFixed(0) : ratio.toFixed(2)
}

function rowsOf(result: ProductResult, by: 'wall' | 'cpu'): string[][] {
  const workloads = workloadsOf(result)
  return result.libraries.map(({ name }) => [name, ...workloads.map((id) => shown(ratioOf(result, id, name, by)))])
}

/** Prints the ratios, and the bare driver's own figures. */
export function printTable(result: ProductResult): void {
  const workloads = workloadsOf(result)
  console.log(`\n${NAMES[result.product]}: multiples of the bare driver, medians of ${result.rounds} rounds`)
  for (const by of ['wall', 'cpu'] as const) {
    console.log(
      `${by === 'wall' ? 'wall time' : "the client's CPU"}`.padEnd(20) + workloads.map((id) => id.padStart(8)).join(''),
    )
    for (const [name = '', ...ratios] of rowsOf(result, by)) {
      console.log(name.padEnd(20) + ratios.map((ratio) => ratio.padStart(8)).join(''))
    }
  }
  const bare = workloads.map((id) => {
    const cell = result.cells.find((each) => each.library === 'bare' && each.workload === id)
    return cell === undefined ? '–' : median(cell.wall).toFixed(1)
  })
  console.log('bare, ms (W7 bytes)'.padEnd(20) + bare.map((value) => value.padStart(8)).join(''))
}

function markdownTable(result: ProductResult, by: 'wall' | 'cpu'): string {
  const workloads = workloadsOf(result)
  const head = `| | ${workloads.join(' | ')} |\n| --- |${workloads.map(() => ' ---: |').join('')}`
  const body = rowsOf(result, by).map(([name, ...ratios]) => {
    const bold = name === 'heddle' ? '**' : ''
    return `| ${bold}${name}${bold} | ${ratios.map((ratio) => `${bold}${ratio}${bold}`).join(' | ')} |`
  })
  return [head, ...body].join('\n')
}

function spreads(result: ProductResult): string {
  const lines = result.cells
    .filter(({ library, workload }) => library === 'heddle' && workload !== 'W7')
    .map((cell) => {
      const bare = result.cells.find((each) => each.library === 'bare' && each.workload === cell.workload)
      const told = ({ wall }: Cell) =>
        `${median(wall).toFixed(1)} (${Math.min(...wall).toFixed(1)}–${Math.max(...wall).toFixed(1)})`
      return `| ${cell.workload} | ${told(cell)} | ${bare === undefined ? '–' : told(bare)} |`
    })
  return ['| | heddle, ms | bare driver, ms |', '| --- | ---: | ---: |', ...lines].join('\n')
}

/** What was written before about the databases that this run has left out. */
function sectionsBefore(file: string): Map<string, string> {
  if (!existsSync(file)) return new Map()
  const [, ...sections] = readFileSync(file, 'utf8').trimEnd().split('\n\n## ')
  return new Map(sections.map((section) => [section.slice(0, section.indexOf('\n')), `## ${section}`]))
}

/** Writes docs/benchmarks.md with its tables and plots; each database's from one run. */
export function writeReport(results: readonly ProductResult[]): void {
  const docs = join(import.meta.dirname, '..', 'docs')
  mkdirSync(join(docs, 'benchmarks'), { recursive: true })
  const file = join(docs, 'benchmarks.md')
  const sections = sectionsBefore(file)
  for (const result of results) {
    const title = `Multiples of the bare driver on ${NAMES[result.product]}`
    writeFileSync(join(docs, 'benchmarks', `${result.product}.svg`), plot(result, title))
    const versions = result.libraries.map(({ name, version }) => `${name} ${version}`).join(', ')
    const section = [
      `## ${NAMES[result.product]}`,
      `![${title}](benchmarks/${result.product}.svg)`,
      `Wall time, medians of ${result.rounds} rounds after ${result.warming / 1_000} seconds of warming up; the bare driver is 1.`,
      markdownTable(result, 'wall'),
      "The client's CPU time:",
      markdownTable(result, 'cpu'),
      'Median, least and most:',
      spreads(result),
      `Versions: ${versions}.`,
    ].join('\n\n')
    sections.set(NAMES[result.product], section)
  }
  const machine = `Node ${process.versions.node}, ${cpus().length} cores, ${new Date().toISOString().slice(0, 10)}.`
  const workloads = WORKLOADS.map(({ id, title }) => `| ${id} | ${title} |`)
  const text = [
    '# Benchmarks',
    'Written by `npm run bench -- --write`; the method is in [bench/README.md](../bench/README.md). Numbers are multiples of the bare driver ' +
      'in the same run (one for each database), smaller is better. heddle gives managed instances with identity map and change tracking; of the others only ' +
      'MikroORM does.',
    machine,
    ['| | |', '| --- | --- |', ...workloads, '| W7 | heap bytes a row, 100,000 rows held |'].join('\n'),
    ...Object.values(NAMES).flatMap((name) => sections.get(name) ?? []),
  ].join('\n\n')
  writeFileSync(file, `${text}\n`)
}

import { existsSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { describe, expect, it } from 'vitest'
import { capabilitiesPage } from '../../scripts/capabilities.ts'
import { statesPage } from '../../scripts/states.ts'
import { eventNames } from '../../src/engine/events.ts'
import { checkConnectOptions, checkEngineOptions, checkTransactionOptions } from '../../src/engine/options.ts'
import * as heddle from '../../src/index.ts'
import { modelOf } from '../../src/mapping/index.ts'
import { defaultPoolOptions, readPoolOptions } from '../../src/pool/options.ts'
import { readTransactionOptions } from '../../src/scope/transaction-options.ts'
import { checkSessionOptions, resolveSessionOptions } from '../../src/session/options.ts'
import { createDialect } from '../../src/sql/index.ts'
import { readMapOptions, readPoolOptions as readThreadPoolOptions } from '../../src/workers/pool-options.ts'
import { readSources, sourceFile } from '../support/architecture/source.ts'
import { pagesOf } from '../support/docs/fences.ts'
import { repository } from '../support/repository.ts'

const pageOf = (name: string) => readFileSync(join(repository, 'docs', name), 'utf8')

/** The text between a heading and the next one of its rank. */
function section(page: string, heading: string): string {
  const [, after] = page.split(`\n## ${heading}\n`)
  return after?.split('\n## ')[0] ?? expect.fail(`There is no section '${heading}'.`)
}

/** The cells of the rows whose first cell is code. */
function rowsOf(text: string): string[][] {
  const rows = text.split('\n').filter((line) => line.startsWith('| `'))
  return rows.map((line) => line.slice(2, -2).split(/ (?<!\\)\| /))
}

const namesIn = (text: string) => rowsOf(text).map(([name = '']) => name.replaceAll('`', ''))

describe('the page of capabilities', () => {
  it('is what scripts/capabilities.ts makes of the code', () => {
    expect(pageOf('reference/capabilities.md')).toBe(capabilitiesPage())
  })
})

describe('the page of states', () => {
  it('is what scripts/states.ts makes of the code', () => {
    expect(pageOf('reference/states.md')).toBe(statesPage())
  })
})

describe('the page of options', () => {
  const page = pageOf('reference/options.md')

  /** What a check of options says that it knows. */
  async function known(check: (options: object) => unknown): Promise<string[]> {
    const error = await (async () => check({ 'no such option': 1 }))().catch((failure: Error) => failure)
    expect(error).toBeInstanceOf(heddle.ArgumentError)
    return ((error as Error).message.split('Known options: ')[1] ?? '').split(', ')
  }

  const checks: Readonly<Record<string, (options: object) => unknown>> = {
    Engine: checkEngineOptions,
    Pool: readPoolOptions,
    Connecting: (options) => checkConnectOptions(options, 'connect()'),
    Beginning: (options) => checkTransactionOptions(options, 'begin()'),
    Session: (options) => checkSessionOptions('session', options),
    'Transactions of a scope': (options) => readTransactionOptions('transaction()', options),
    'Exclusive jobs': (options) =>
      heddle.runExclusive(heddle.sessionmaker({ bind: heddle.createEngine('sqlite://') }), 'job', () => 1, options),
    'Pools of threads': readThreadPoolOptions,
    'Work of threads': (options) => readMapOptions(options, 1),
    'Parallel work': (options) => heddle.workParallel(heddle.sessionmaker(), [], () => 1, options),
  }

  for (const [heading, check] of Object.entries(checks)) {
    it(`has every option of '${heading}' and no other`, async () => {
      const [table = ''] = section(page, heading).split('\n| `joinTransactionMode` | commit')
      expect(namesIn(table).sort()).toEqual((await known(check)).sort())
    })
  }

  it('tells the defaults of pools and sessions', () => {
    const defaults = { ...resolveSessionOptions('session', {}), ...defaultPoolOptions } as Record<string, unknown>
    const text = `${section(page, 'Pool')}${section(page, 'Session').split('\n| `joinTransactionMode` | commit')[0]}`
    const told = new Map(rowsOf(text).map(([name = '', value = '']) => [name.replaceAll('`', ''), value]))
    for (const [name, value] of Object.entries(defaults)) {
      expect(`${name} ${told.get(name)}`).toBe(`${name} \`${typeof value === 'string' ? `'${value}'` : value}\``)
    }
  })
})

describe('the page of events', () => {
  const page = pageOf('reference/events.md')

  it('has every event of engines and pools and no other', () => {
    const told = [...namesIn(section(page, 'Engine')), ...namesIn(section(page, 'Pool'))]
    expect(told.sort()).toEqual([...eventNames].sort())
  })

  it('has every event of sessions and no other', () => {
    const read = (path: string) => readFileSync(join(repository, path), 'utf8')
    const events = sourceFile('src/session/events.ts', read('src/session/events.ts')).withoutComments
    const own = events.split(/interface SessionEvents<S> extends TransitionEvents<S> \{/)[1]?.split('\n}')[0] ?? ''
    const transitions =
      read('src/state/instance-lifecycle.ts').split('export type Transition =')[1]?.split('\n\n')[0] ?? ''
    const names = [...own.matchAll(/^\s+(\w+):/gm), ...transitions.matchAll(/'(\w+)'/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(10)
    expect(namesIn(section(page, 'Session')).sort()).toEqual(names.sort())
  })
})

describe('the page of events of entities', () => {
  it('has every event and no other', () => {
    const path = 'src/session/entity-events.ts'
    const events = sourceFile(path, readFileSync(join(repository, path), 'utf8')).withoutComments
    const own = events.split(/interface EntityEvents<Entity> \{/)[1]?.split('\n}')[0] ?? ''
    const names = [...own.matchAll(/^\s+(\w+):/gm)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(10)
    expect(namesIn(section(pageOf('reference/events.md'), 'Entities')).sort()).toEqual(names.sort())
  })
})

describe('the page of warnings', () => {
  it('has every code that is given to warn() and no other', () => {
    const errors = new Set(Object.values(heddle).map((value) => (value as { readonly code?: unknown } | null)?.code))
    const codes = readSources(repository, 'src')
      .filter(({ path }) => path !== 'src/errors.ts')
      .flatMap(({ withoutComments }) => [...withoutComments.matchAll(/'(HEDDLE_\w+)'/g)].map(([, code]) => code ?? ''))
      .filter((code) => code !== 'HEDDLE_TRACE' && !errors.has(code))
    expect(namesIn(pageOf('reference/warnings.md'))).toEqual([...new Set(codes)].sort())
  })
})

describe('the table of types', () => {
  it('is what tables are made with', () => {
    const { bigint, boolean, bytes, date, decimal, enumeration, integer, json, real, text, timestamp, uuid, varchar } =
      heddle
    const columns = {
      'integer()': integer(),
      'bigint()': bigint(),
      'real()': real(),
      'decimal(15, 2)': decimal(15, 2),
      'decimal(30, 2)': decimal(30, 2),
      'text()': text(),
      'varchar(200)': varchar(200),
      'boolean()': boolean(),
      'timestamp()': timestamp(),
      'date()': date(),
      'json()': json(),
      'uuid()': uuid(),
      'bytes()': bytes(),
      "enumeration('a', 'b')": enumeration('a', 'b'),
    }
    const model = modelOf(class T extends heddle.entity('t', { key: integer().primaryKey(), ...numbered(columns) }) {})
    const types = (name: 'sqlite' | 'postgres' | 'mysql') => {
      const dialect = createDialect(name, { table: (table) => table, column: (property) => property })
      return model.columns.slice(1).map((column) => dialect.ddlType(column, model))
    }
    const [sqlite, postgres, mysql] = [types('sqlite'), types('postgres'), types('mysql')]
    const expected = Object.keys(columns).map((name, i) => [`\`${name}\``, sqlite[i], postgres[i], mysql[i]])
    const told = rowsOf(section(pageOf('guide/16-databases.md'), 'Types'))
    expect(told.map(([name, , ...stored]) => [name, ...stored])).toEqual(expected)
  })
})

/** Properties c0, c1, … for columns whose names are no identifiers. */
function numbered(columns: Readonly<Record<string, object>>): Record<string, object> {
  return Object.fromEntries(Object.values(columns).map((column, index) => [`c${index}`, column]))
}

describe('the links on the pages', () => {
  it('lead to files and headings that exist', () => {
    const pages = [...pagesOf(repository), 'ARCHITECTURE.md', 'CHANGELOG.md']
    const broken = pages.flatMap((page) =>
      linksOf(page)
        .filter((link) => !exists(page, link))
        .map((link) => `${page}: ${link}`),
    )
    expect(broken).toEqual([])
  })
})

/** The links of a page to files of the repository and to headings. */
function linksOf(page: string): string[] {
  const text = readFileSync(join(repository, page), 'utf8').replace(/```[\s\S]*?```/g, '')
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link ?? '').filter((link) => !/^https?:/.test(link))
}

function exists(page: string, link: string): boolean {
  const [path = '', heading] = link.split('#')
  const target = path === '' ? page : posix.join(posix.dirname(page), path)
  if (!existsSync(join(repository, target))) return false
  return heading === undefined || anchorsOf(readFileSync(join(repository, target), 'utf8')).includes(heading)
}

/** The anchors that headings get, and those that are written. */
function anchorsOf(text: string): string[] {
  const headings = [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...[...text.matchAll(/<a id="([^"]+)">/g)].map(([, id]) => id ?? '')]
}

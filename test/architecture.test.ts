import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import * as rules from './support/architecture/rules.ts'
import { readSources, type SourceFile, sourceFile } from './support/architecture/source.ts'
import { repository } from './support/repository.ts'

const sources = readSources(repository, 'src')

function expectNone(violations: readonly string[]): void {
  if (violations.length > 0) expect.fail(`\n${violations.join('\n')}`)
}

/** A made-up tree that breaks one rule, to see that the rule can fail. */
function tree(files: Readonly<Record<string, string>>): SourceFile[] {
  return Object.entries(files).map(([path, text]) => sourceFile(path, text))
}

describe('the source tree', () => {
  it('imports one way down only', () => expectNone(rules.directions(sources)))
  it('enters a folder by its index.ts only', () => expectNone(rules.entrances(sources)))
  it('has no import cycle, type imports included', () => expectNone(rules.cycles(sources)))
  it('imports node:async_hooks in support/async-context.ts only', () => expectNone(rules.asyncHooks(sources)))
  it('uses values of Kysely in sql/, engine/ and loading/ only', () => expectNone(rules.kysely(sources)))
  it('names a dialect in sql/, drivers/ and engine/url only', () => expectNone(rules.dialectNames(sources)))
  it('keeps every database word out of pool/', () => expectNone(rules.poolWords(sources)))
  it('never awaits in mapping/ and state/', () => expectNone(rules.synchronous(sources)))
  it('plans a flush without an engine', () => expectNone(rules.purePlan(sources)))
  it(`has no file over ${rules.longestFile} lines`, () => expectNone(rules.shortFiles(sources)))
  it('leaves nothing for later', () => expectNone(rules.leftForLater(sources)))
  it('documents every symbol of its public entries', () => expectNone(rules.documented(sources, publicEntries())))
})

/** The source files behind the `exports` of package.json. */
function publicEntries(): string[] {
  const { exports } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { readonly default: string }>
  }
  const targets = Object.values(exports).map((each) => (typeof each === 'string' ? each : each.default))
  const files = targets.map((target) => target.replace(/^\.\/dist\/(.*)\.js$/, 'src/$1.ts'))
  return files.filter((file) => file.startsWith('src/') && existsSync(join(repository, file)))
}

describe('the rules themselves', () => {
  it('find an import against the direction, by type or by value', () => {
    const broken = tree({
      'src/pool/a.ts': "import { x } from '../support/index.ts'\nimport type { E } from '../engine/index.ts'\n",
      'src/state/b.ts': "export * from '../session/index.ts'\n",
      'src/mapping/c.ts': "const x = await import('../sql/index.ts')\nlet y: import('../state/index.ts').Y\n",
      'src/novel/d.ts': "import '../errors.ts'\nimport {\n  a,\n  b,\n} from '../support/index.ts'\n",
      'src/flush/e.ts': "import { a } from '../sql/index.ts'\nimport { b } from '../loading/index.ts'\n",
    })
    expect(rules.directions(broken)).toEqual([
      "src/pool/a.ts:2: 'pool' must not know 'engine'",
      "src/state/b.ts:1: 'state' must not know 'session'",
      "src/mapping/c.ts:1: 'mapping' must not know 'sql'",
      "src/mapping/c.ts:2: 'mapping' must not know 'state'",
      "src/novel/d.ts:5: the folder 'novel' is not in the table of import directions",
      "src/flush/e.ts:2: 'flush' must not know 'loading'",
    ])
  })

  it('find an entrance past the index', () => {
    const broken = tree({ 'src/engine/a.ts': "import { p } from '../pool/pool.ts'\nimport { q } from './q.ts'\n" })
    expect(rules.entrances(broken)).toEqual(['src/engine/a.ts:1: src/pool/pool.ts is entered past src/pool/index.ts'])
  })

  it('find a cycle through type imports', () => {
    const broken = tree({
      'src/a.ts': "import { b } from './b.ts'\n",
      'src/b.ts': "\nimport type { C } from './c.ts'\n",
      'src/c.ts': "export type { A } from './a.ts'\n",
    })
    expect(rules.cycles(broken)).toEqual(['src/c.ts:1: src/a.ts → src/b.ts → src/c.ts → src/a.ts'])
  })

  it('find imports of node:async_hooks and of values of Kysely', () => {
    const text = "import { AsyncLocalStorage } from 'node:async_hooks'\nimport { sql } from 'kysely'\n"
    const broken = tree({
      'src/support/async-context.ts': text,
      'src/sql/a.ts': text,
      'src/state/b.ts': "import type { Kysely } from 'kysely'\n",
    })
    expect(rules.asyncHooks(broken)).toEqual([
      'src/sql/a.ts:1: only src/support/async-context.ts imports node:async_hooks',
    ])
    expect(rules.kysely(broken)).toHaveLength(1)
    expect(rules.kysely(broken)[0]).toMatch(/^src\/support\/async-context\.ts:2: /)
  })

  it('find dialect names in code and not in comments', () => {
    const text = "// 'sqlite'\nconst a = name === 'mysql' /* 'mysql' */\nconst b = 'a sqlite file'\n"
    const broken = tree({ 'src/flush/a.ts': text, 'src/sql/b.ts': text, 'src/engine/url.ts': text })
    expect(rules.dialectNames(broken)).toHaveLength(1)
    expect(rules.dialectNames(broken)[0]).toMatch(/^src\/flush\/a\.ts:2: .*'mysql'/)
  })

  it('find database words in pool/, in names as in comments, and no parts of other words', () => {
    const broken = tree({ 'src/pool/a.ts': '// a stable throw\nconst runQuery = 1\n/** rows */\n' })
    expect(rules.poolWords(broken)).toEqual([
      "src/pool/a.ts:2: the pool is generic and must not say 'query'",
      "src/pool/a.ts:3: the pool is generic and must not say 'rows'",
    ])
  })

  it('find await and async in code, and not in texts', () => {
    const text = "// await\nconst hint = 'await x'\nconst t = `use ${await x} async`\nexport async function f() {}\n"
    expect(rules.synchronous(tree({ 'src/state/a.ts': text, 'src/flush/b.ts': text }))).toEqual([
      "src/state/a.ts:3: 'await' in a folder that does no I/O",
      "src/state/a.ts:4: 'async' in a folder that does no I/O",
    ])
  })

  it('find an engine behind the plan', () => {
    const broken = tree({
      'src/flush/plan-order.ts': "import { s } from './step.ts'\n",
      'src/flush/step.ts': "import type { E } from '../engine/index.ts'\n",
      'src/engine/index.ts': '',
    })
    expect(rules.purePlan(broken)).toEqual([
      'src/flush/plan-order.ts:1: the plan is pure, but this import reaches src/engine/index.ts',
    ])
  })

  it('find long files and what is left for later', () => {
    expect(rules.shortFiles(tree({ 'src/a.ts': 'x\n'.repeat(401), 'src/b.ts': 'x\n'.repeat(400) }))).toHaveLength(1)
    expect(rules.leftForLater(tree({ 'src/a.ts': `// ${'TO'}${'DO'}: later\n` }))).toHaveLength(1)
  })

  it('find public symbols without a doc comment, through re-exports', () => {
    const broken = tree({
      'src/index.ts':
        "export { f, type T as U } from './a/index.ts'\nexport * from './b.ts'\nexport { sql } from 'kysely'\n",
      'src/a/index.ts': "export { f, g } from './f.ts'\nexport type { T } from './f.ts'\n",
      'src/a/f.ts':
        '/** Documented. */\nexport function f() {}\nexport function g() {}\n/* plain */\nexport interface T {}\n',
      'src/b.ts': '/** Documented. */\nexport class B {}\nconst late = 1\nexport { late }\n',
    })
    expect(rules.documented(broken, ['src/index.ts'])).toEqual([
      "src/a/f.ts:5: the public 'T' has no doc comment",
      "src/b.ts:3: the public 'late' has no doc comment",
    ])
  })

  it('read regular expressions, templates and quotes without losing their place', () => {
    const [file] = tree({
      'src/a.ts': "const r = /['\"`/*]/g // '\nconst q = a / b / 'c'\nconst t = `${`${'}'}`}` // x\n",
    })
    expect(file?.codeOnly.split('\n').map((line) => line.trimEnd())).toEqual([
      'const r = /[\'"`/*]/g',
      "const q = a / b / ' '",
      "const t = `${`${' '}`}`",
      '',
    ])
  })
})

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createEngine, sql } from '../../src/index.ts'
import { freshDatabase, rollbackPerTest } from '../../src/testing/index.ts'
import { onEvery } from '../support/index.ts'
import { runNode } from '../support/package/built-package.ts'
import { repository } from '../support/repository.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

const source = (path: string) => pathToFileURL(join(repository, 'src', path)).href

const program = `
import assert from 'node:assert/strict'
import { createEngine, sql } from '${source('index.ts')}'
import { rollbackPerTest } from '${source('testing/index.ts')}'

const engine = createEngine('sqlite://')
await engine.begin((c) => c.execute(sql\`create table t (id integer)\`))
const insert = () => engine.begin((c) => c.execute(sql\`insert into t values (1)\`))
const count = () => engine.begin(async (c) => (await c.execute(sql\`select count(*) as n from t\`)).rows[0].n)
`

describe('rollbackPerTest() finds the hooks', () => {
  const folder = temporaryFolder('runners-')

  it('of node:test', async () => {
    const file = join(folder(), 'a.test.mjs')
    const tests = ['one', 'two'].map(
      (name) => `test('${name}', async () => { await insert(); assert.equal(await count(), 1) })`,
    )
    writeFileSync(file, `import { test } from 'node:test'\n${program}\nrollbackPerTest(engine)\n${tests.join('\n')}`)
    const { code, output } = await runNode(['--test', file], repository, { ...process.env, NODE_OPTIONS: '' })
    expect(output).toMatch(/pass 2\b/)
    expect(code).toBe(0)
  })

  it('that are global, as those of Jest are', async () => {
    const file = join(folder(), 'b.mjs')
    const hooks = `const hooks = {}
globalThis.beforeEach = (hook) => { hooks.before = hook }
globalThis.afterEach = (hook) => { hooks.after = hook }
rollbackPerTest(engine)
for (const name of ['one', 'two']) { await hooks.before(); await insert(); console.log(name, await count()); await hooks.after() }
console.log('left', await count())`
    writeFileSync(file, `${program}\n${hooks}`)
    const { output } = await runNode(['--disable-warning=ExperimentalWarning', file], repository)
    expect(output).toBe('one 1\ntwo 1\nleft 0\n')
  })

  describe('that are given', () => {
    const engine = createEngine('sqlite://')
    rollbackPerTest(engine, { beforeEach, afterEach })
    for (const name of ['once', 'twice']) {
      it(name, async () => {
        // On SQLite a table is made in a transaction too.
        await engine.begin((connection) => connection.execute(sql`create table t (id integer)`))
      })
    }
  })

  it('and refuses what is no engine', () => {
    expect(() => rollbackPerTest({} as never)).toThrow(/an engine is needed/)
    expect(() => rollbackPerTest(() => createEngine('sqlite://'), { timeOut: 1 } as never)).toThrow(/timeout/)
  })
})

// PGlite takes its time to start, and does here what SQLite does.
onEvery({ on: ['sqlite', 'sqlite-memory', 'postgres', 'mysql'] }, (db) => {
  it('freshDatabase() gives an empty database that nobody else has', async () => {
    const databases = [await freshDatabase(db.url), await freshDatabase(db.url, { prefix: 'heddle_own' })]
    for (const database of databases) {
      await using engine = createEngine(database.url)
      await engine.begin((connection) => connection.execute(sql`create table t (id integer)`))
    }
    const [first] = databases
    // An engine that is still open does not keep it from being dropped.
    await using open = createEngine(first?.url ?? '')
    await open.begin((connection) => connection.execute(sql`select 1`))
    for (const database of databases) await database.drop()
    await expect(freshDatabase(db.url, { prefx: 'x' } as never)).rejects.toThrow(/prefix/)
  })
})

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { expect, it } from 'vitest'
import { onEvery } from '../support/index.ts'
import { runNode } from '../support/package/built-package.ts'
import { repository } from '../support/repository.ts'

const heddle = pathToFileURL(join(repository, 'src', 'index.ts')).href

/** Runs a program over an engine; one that does not end by itself fails the test by its time. */
async function outputOf(url: string, program: string): Promise<string> {
  const start = `import { createEngine, sql } from ${JSON.stringify(heddle)}
    const engine = createEngine(${JSON.stringify(url)}, { pool: { timeout: 600_000, recycle: 600_000, warnHeldFor: 600_000 } })
    const one = sql\`select 1 as one\`
    await engine.begin((connection) => connection.execute(one))\n`
  const { code, output } = await runNode(
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', start + program],
    repository,
  )
  expect(code, output).toBe(0)
  return output.trim()
}

onEvery({}, (db) => {
  it('a program ends by itself after dispose(), done twice and at once too', async () => {
    const program = `
      await Promise.all([engine.dispose(), engine.dispose()])
      await engine.dispose()
      console.log('ended')`
    expect(await outputOf(db.url, program)).toBe('ended')
  })

  it('a program ends by itself after dispose() in the middle of use, and after use again', async () => {
    const program = `
      const connection = await engine.connect()
      await connection.execute(one)
      await engine.dispose()
      const { rows } = await connection.execute(one)
      await connection.close()
      await engine.begin((again) => again.execute(one))
      await engine.dispose()
      console.log(rows.length)`
    expect(await outputOf(db.url, program)).toBe('1')
  })
})

onEvery({ on: ['sqlite', 'better-sqlite3', 'sqlite-memory'] }, (db) => {
  it('a forgotten dispose() does not keep a program on SQLite alive', async () => {
    expect(await outputOf(db.url, `console.log('ended')`)).toBe('ended')
  })
})

onEvery({ needs: ['server'] }, (db) => {
  it('a program that forgets a connection is told so after dispose(), by the name of its holder', async () => {
    const program = `
      const forgotten = await engine.connect({ label: 'the report' })
      await forgotten.execute(one)
      await engine.dispose()
      process.on('warning', ({ code, message }) => {
        console.log(code, message.includes("'the report'"))
        forgotten.close()
      })`
    expect(await outputOf(db.url, program)).toContain('HEDDLE_POOL_OUT_AFTER_DISPOSE true')
  })
})

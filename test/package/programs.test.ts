import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runNode } from '../support/package/built-package.ts'
import { repository } from '../support/repository.ts'

/** Runs a program of the repository that ends by itself, and expects it to end well. */
async function expectToRun(program: string): Promise<void> {
  const { code, output } = await runNode(
    ['--disable-warning=ExperimentalWarning', join(repository, program)],
    repository,
  )
  expect(code, output).toBe(0)
}

function missing(...files: readonly string[]): string {
  const absent = files.filter((file) => !existsSync(join(repository, file)))
  return absent.length > 0 ? ` (not run: there is no ${absent.join(' and no ')})` : ''
}

const unpackable = missing('src/index.ts', 'src/managed.ts', 'src/kysely.ts', 'README.md')
const noDemo = missing('examples/bank-api/demo.ts')

describe('programs', () => {
  it.skipIf(unpackable)(
    `the packed package installs into an empty folder and runs a first program${unpackable}`,
    async () => {
      await expectToRun('scripts/pack-smoke.ts')
    },
  )

  it.skipIf(noDemo)(`the demo runs to its end${noDemo}`, async () => {
    await expectToRun('examples/bank-api/demo.ts')
  })

  it('fail the test when they fail', async () => {
    const { code, output } = await runNode(['--eval', 'console.log("said"); process.exit(3)'], repository)
    expect([code, output]).toEqual([3, 'said\n'])
  })
})

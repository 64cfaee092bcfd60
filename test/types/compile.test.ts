import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BuiltPackage, builtPackage, noPackage } from '../support/package/built-package.ts'
import { checkTypes, compilers, versionOf } from '../support/package/compilers.ts'
import { repository } from '../support/repository.ts'
import { temporaryFolder } from '../support/temporary-folder.ts'

/** Files that are compiled and never run; what must be refused is marked with @ts-expect-error. */
const samples = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
  .map((name) => join(import.meta.dirname, name))

/** The sources are written for what Node has; a program that uses the package may be older. */
const asSources = { skipLibCheck: true, target: 'ES2024', lib: ['ES2024', 'ESNext.Disposable'] }

describe('the types as the sources give them', () => {
  const folder = temporaryFolder('types-')

  for (const compiler of compilers) {
    it(`hold under ${compiler.name}`, async () => {
      expect(versionOf(compiler)).toMatch(compiler.line)
      expect(samples).not.toHaveLength(0)
      const { code, output } = await checkTypes(compiler, folder(), samples, asSources)
      expect(output).toBe('')
      expect(code).toBe(0)
    })
  }

  it('fail the check where a refusal is expected and does not come', async () => {
    const file = join(folder(), 'wrong.ts')
    writeFileSync(file, '// @ts-expect-error\nexport const fine: number = 1\n')
    const { code, output } = await checkTypes(compilers[0], folder(), [file])
    expect(output).toContain("Unused '@ts-expect-error' directive")
    expect(code).not.toBe(0)
  })
})

describe.skipIf(noPackage)(`the types as the package gives them${noPackage ? ` (${noPackage})` : ''}`, () => {
  let built: BuiltPackage | undefined
  const home = () => built?.folder ?? expect.fail('The package is not built.')
  beforeAll(async () => {
    built = await builtPackage('types')
    for (const [name, text] of consumers()) writeFileSync(join(home(), name), text)
  })
  afterAll(() => built?.remove())

  for (const compiler of compilers) {
    it(`hold under ${compiler.name}, declarations included`, async () => {
      const files = consumers().map(([name]) => join(home(), name))
      const { code, output } = await checkTypes(compiler, home(), files)
      expect(output).toBe('')
      expect(code).toBe(0)
    })
  }
})

/** The samples that use the public entry alone, importing the package; and one file that imports every entry. */
function consumers(): [name: string, text: string][] {
  const { exports } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { exports: object }
  const entries = Object.keys(exports).filter((entry) => !entry.endsWith('.json'))
  const imports = entries.map((entry, index) => `export * as entry${index} from '${entry.replace('.', 'heddle')}'\n`)
  const texts = samples.map((path) => [path, readFileSync(path, 'utf8')] as const)
  const publicOnly = texts.filter(([, text]) => !/from '\.\.\/\.\.\/src\/(?!index\.ts')/.test(text))
  const renamed = publicOnly.map(([path, text]): [string, string] => [
    path.slice(import.meta.dirname.length + 1),
    text.replaceAll("'../../src/index.ts'", "'heddle'"),
  ])
  return [['every-entry.ts', imports.join('')], ...renamed]
}

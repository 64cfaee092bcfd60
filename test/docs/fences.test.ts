import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { commandProblems } from '../support/docs/commands.ts'
import { type DocumentedProgram, fencesOf, parseFences, programsOf } from '../support/docs/fences.ts'
import { type BuiltPackage, builtPackage, noPackage, runNode } from '../support/package/built-package.ts'
import { checkTypes, compilers } from '../support/package/compilers.ts'
import { repository } from '../support/repository.ts'

const fences = fencesOf(repository)
const programs = programsOf(fences)

describe('the pages', () => {
  it('tell readers to type known commands only', () => {
    const { scripts } = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')) as { scripts: object }
    expect(commandProblems(fences, Object.keys(scripts))).toEqual([])
  })

  it('show programs as ts, so that they are checked', () => {
    const unchecked = fences.filter(({ language }) => /^(?:typescript|js|javascript|mjs|tsx|jsx)$/i.test(language))
    expect(unchecked.map(({ page, line, language }) => `${page}:${line}: write 'ts', not '${language}'`)).toEqual([])
  })
})

describe.skipIf(noPackage)(`the programs on the pages${noPackage ? ` (not checked: ${noPackage})` : ''}`, () => {
  let built: BuiltPackage | undefined
  const home = () => built?.folder ?? expect.fail('The package is not built.')
  const folderOf = (program: DocumentedProgram) => join(home(), program.page.replace(/\W+/g, '-'))
  const fileOf = (program: DocumentedProgram) => join(folderOf(program), program.name)

  beforeAll(async () => {
    built = await builtPackage('docs')
    for (const program of programs) {
      mkdirSync(folderOf(program), { recursive: true })
      writeFileSync(fileOf(program), program.text)
    }
  })
  afterAll(() => built?.remove())

  it.runIf(programs.length > 0)('compile', async () => {
    const files = programs.map(fileOf)
    const { code, output } = await checkTypes(compilers[2], home(), files, { skipLibCheck: true })
    expect(output).toBe('')
    expect(code).toBe(0)
  })

  for (const program of programs.filter(({ runs }) => runs)) {
    it(`run: ${program.page}:${program.line}`, async () => {
      const { code, output } = await runNode(
        ['--disable-warning=ExperimentalWarning', fileOf(program)],
        folderOf(program),
      )
      expect(code, output).toBe(0)
      if (program.output !== undefined) expect(output.trimEnd()).toBe(program.output.trimEnd())
    })
  }
})

describe('the reading of pages', () => {
  const page = [
    '# Page',
    '',
    '```ts run file=a.ts',
    "console.log('a')",
    '```',
    '',
    '```text output',
    'a',
    '```',
    '  ```ts continues',
    '  let b: number = 1',
    '  ```',
    '````md',
    '```',
    '````',
    '```sh',
    '$ npm run nothing # why',
    'rm -rf /',
    '```',
  ].join('\n')

  it('finds fences with their lines, languages and marks', () => {
    expect(parseFences('p.md', page).map(({ line, language, marks }) => [line, language, ...marks])).toEqual([
      [4, 'ts', 'run', 'file=a.ts'],
      [8, 'text', 'output'],
      [11, 'ts', 'continues'],
      [14, 'md'],
      [17, 'sh'],
    ])
    expect(() => parseFences('p.md', '```ts\n')).toThrow('p.md:1: the fence is never closed')
  })

  it('makes programs whose lines are those of the page', () => {
    const [first, second, ...others] = programsOf(parseFences('p.md', page))
    expect(others).toEqual([])
    expect(first).toMatchObject({ name: 'a.ts', runs: true, output: 'a' })
    expect(second).toMatchObject({ name: 'p-11.ts', runs: false, output: undefined })
    expect(second?.text.split('\n')[3]).toBe("console.log('a')")
    expect(second?.text.split('\n')[10]).toBe('let b: number = 1')
  })

  it('refuses commands that nobody knows and scripts that do not exist', () => {
    expect(commandProblems(parseFences('p.md', page), ['test'])).toEqual([
      "p.md:17: there is no script 'nothing'",
      "p.md:18: 'rm -rf /' is no known command",
    ])
  })
})

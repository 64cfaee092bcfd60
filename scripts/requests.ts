/**
 * Runs the tests of requests against the real frameworks and prints, framework by event, what holds on SQLite and PostgreSQL.
 * `npm run requests -- --write` puts the table into docs/reference/requests.md.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

interface Outcome {
  readonly ancestorTitles: readonly string[]
  readonly title: string
  readonly status: string
}

const root = join(import.meta.dirname, '..')
const databases = ['sqlite', 'postgres']

function outcomes(): Outcome[] {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-requests-'))
  const file = join(folder, 'report.json')
  const args = ['run', 'test/integrations/requests.test.ts', '--reporter=json', `--outputFile=${file}`]
  spawnSync(process.execPath, [join(root, 'node_modules/vitest/vitest.mjs'), ...args], { cwd: root, stdio: 'inherit' })
  const report = JSON.parse(readFileSync(file, 'utf8')) as { testResults: { assertionResults: Outcome[] }[] }
  rmSync(folder, { recursive: true })
  return report.testResults.flatMap(({ assertionResults }) => assertionResults)
}

/** A cell says yes when every test of it has passed on every database. */
function cell(all: readonly Outcome[], framework: string, event: string): string {
  const those = all.filter(({ ancestorTitles, title }) => ancestorTitles[0] === framework && title === event)
  if (those.length === 0) return ''
  const missing = databases.filter(
    (name) => !those.some(({ ancestorTitles, status }) => ancestorTitles[1] === name && status === 'passed'),
  )
  return missing.length === 0 ? 'yes' : `not on ${missing.join(', ')}`
}

const all = outcomes()
const frameworks = [...new Set(all.map(({ ancestorTitles }) => ancestorTitles[0] ?? ''))]
const versions = frameworks.map((name) => versionOf(name))
const events = [...new Set(all.map(({ title }) => title))]
const table = [
  `| what happens: what is promised | ${frameworks.map((name, n) => `${name} ${versions[n]}`).join(' | ')} |`,
  `| --- |${' --- |'.repeat(frameworks.length)}`,
  ...events.map((event) => `| ${event} | ${frameworks.map((name) => cell(all, name, event)).join(' | ')} |`),
].join('\n')

function versionOf(framework: string): string {
  const name = framework === 'NestJS' ? '@nestjs/core' : framework.toLowerCase()
  return (JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')) as { version: string })
    .version
}

console.log(table)
if (process.argv.includes('--write')) {
  const page = join(root, 'docs/reference/requests.md')
  const [before = '', rest = ''] = readFileSync(page, 'utf8').split('<!-- table -->\n')
  const [, after = ''] = rest.split('<!-- end of table -->')
  writeFileSync(page, `${before}<!-- table -->\n\n${table}\n\n<!-- end of table -->${after}`)
}
process.exitCode = events.length > 0 && !table.includes('not on') ? 0 : 1

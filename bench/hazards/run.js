/** Runs every hazard against every library, each in a process of its own, and prints the table. */
import { spawn } from 'node:child_process'
import { createRequire } from 'node:module'
import { prepare, programs } from './programs.js'

const url = process.env.HEDDLE_HAZARDS_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres'
/** A program that has not ended by then hangs, in milliseconds. */
const PATIENCE = 30_000
const libraries = [
  ['heddle', 'heddle'],
  ['kysely', 'Kysely', 'kysely'],
  ['drizzle', 'Drizzle', 'drizzle-orm'],
  ['mikro-orm', 'MikroORM', '@mikro-orm/postgresql'],
  ['typeorm', 'TypeORM', 'typeorm'],
  ['sequelize', 'Sequelize', 'sequelize'],
  ['knex', 'Knex', 'knex'],
]

function versionOf(packageName) {
  if (packageName === undefined) return ''
  try {
    return ` ${createRequire(import.meta.url)(`${packageName}/package.json`).version}`
  } catch {
    return ''
  }
}

async function outcomeOf(letter, file) {
  await prepare(url)
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', 'child.js', letter, file, url], {
    cwd: import.meta.dirname,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  let errors = ''
  child.stdout.on('data', (text) => (output += text))
  child.stderr.on('data', (text) => (errors += text))
  const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE)
  const [code, signal] = await new Promise((resolve) => child.once('close', (...end) => resolve(end)))
  clearTimeout(timer)
  if (signal === 'SIGKILL') return { right: false, text: 'hangs' }
  if (code === 0) return JSON.parse(output.trim().split('\n').at(-1))
  if (/ERR_MODULE_NOT_FOUND|Cannot find package/.test(errors)) return { text: 'not installed' }
  // Nothing keeps the process alive, and what it waits for never settles.
  if (code === 13) return { right: false, text: 'never settles' }
  const first = errors.split('\n').find((line) => /^\s*(?:Uncaught )?\w*error\b.*:/i.test(line)) ?? `exit code ${code}`
  return { right: false, text: `process crashes: ${first.trim().slice(0, 80)}` }
}

console.log(`On ${new URL(url).host}, Node ${process.version}. **Bold**: wrong.\n`)
for (const [letter, { what }] of Object.entries(programs)) console.log(`- ${letter}: ${what}`)
console.log(`\n| | ${Object.keys(programs).join(' | ')} |`)
console.log(`|${' --- |'.repeat(Object.keys(programs).length + 1)}`)
for (const [file, name, packageName] of libraries) {
  const cells = []
  for (const letter of Object.keys(programs)) {
    const { right, text } = await outcomeOf(letter, file)
    cells.push(right === false ? `**${text}**` : text)
  }
  console.log(`| ${name}${versionOf(packageName)} | ${cells.join(' | ')} |`)
}

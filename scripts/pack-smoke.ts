/**
 * Packs the package as a release would, installs the tarball into an empty folder and runs a first program there.
 * `node scripts/pack-smoke.ts` prints what it does and fails with what went wrong.
 */
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { askService } from './pack-service.ts'

const root = join(import.meta.dirname, '..')
const folder = mkdtempSync(join(tmpdir(), 'heddle-pack-'))

const firstProgram = `
import { createAll, createEngine, entity, HeddleError, integer, sessionmaker, text } from 'heddle'
import * as managed from 'heddle/managed'
import { engineDialect } from 'heddle/kysely'

class User extends entity('users', { id: integer().primaryKey(), name: text() }) {}

const engine = createEngine('sqlite:///app.db')
await createAll(engine, [User])
const Sessions = sessionmaker({ bind: engine })
await Sessions.begin(async (session) => {
  session.add(new User({ name: 'ed' }))
})
await Sessions.begin(async (session) => {
  const ed = await session.getOne(User, 1)
  ed.name = 'edward'
})
const failure = await Sessions.begin(async (session) => {
  ;(await session.getOne(User, 1)).name = 'lost'
  await session.getOne(User, 2)
}).catch((error) => error)
await using session = Sessions()
console.log((await session.getOne(User, 1)).name, failure instanceof HeddleError, failure.code)
await session.close()
await engine.dispose()
console.log(typeof managed.initEngine, typeof engineDialect)
`
const printed = 'edward true HEDDLE_NO_RESULT\nfunction function\n'

/** A copy of what a release is made of, so that packing does not touch the working tree's dist. */
function stage(): string {
  const copy = join(folder, 'stage')
  mkdirSync(copy)
  for (const name of [
    'package.json',
    'README.md',
    'LICENSE',
    'tsconfig.json',
    'tsconfig.build.json',
    'src',
    'scripts',
  ]) {
    if (existsSync(join(root, name))) cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'), 'dir')
  return copy
}

function npm(args: readonly string[], cwd: string): string {
  console.log(`npm ${args.join(' ')}`)
  return runIn(cwd, 'npm', args)
}

/** Runs a program to its end and gives what it printed; what it printed is part of the error when it fails. */
function runIn(cwd: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`, { cause: error })
  return stdout
}

function versionOf(name: string): string {
  return JSON.parse(readFileSync(join(root, 'node_modules', name, 'package.json'), 'utf8')).version
}

/** Fails when the tarball holds what no user needs, or lacks what package.json points at. */
function checkContents(files: readonly string[]): void {
  const stray = files.filter(
    (file) => !/^(?:dist\/.+\.(?:js|js\.map|d\.ts)|package\.json|README\.md|LICENSE)$/.test(file),
  )
  if (stray.length > 0) throw new Error(`The tarball holds files that do not belong there: ${stray.join(', ')}`)
  const needed = [
    'dist/index.js',
    'dist/index.d.ts',
    'dist/managed.js',
    'dist/managed.d.ts',
    'dist/kysely.js',
    'dist/kysely.d.ts',
  ]
  const lacking = [...needed, 'LICENSE', 'README.md'].filter((file) => !files.includes(file))
  if (lacking.length > 0) throw new Error(`The tarball lacks ${lacking.join(', ')}`)
}

try {
  const report: unknown = JSON.parse(npm(['pack', '--json', '--silent', '--pack-destination', folder], stage()))
  const [packed] = Object.values(report as Record<string, { filename: string; files: { path: string }[] }>)
  if (!packed) throw new Error('npm pack reported no tarball')
  checkContents(packed.files.map(({ path }) => path))
  const program = join(folder, 'program')
  mkdirSync(program)
  writeFileSync(join(program, 'package.json'), JSON.stringify({ name: 'first-program', private: true, type: 'module' }))
  npm(['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', join(folder, packed.filename)], program)
  writeFileSync(join(program, 'app.ts'), firstProgram)
  const output = runIn(program, process.execPath, ['--disable-warning=ExperimentalWarning', 'app.ts'])
  if (output !== printed) throw new Error(`The first program printed\n${output}\ninstead of\n${printed}`)
  console.log(`${packed.filename}: ${packed.files.length} files; the first program runs`)
  const service = join(folder, 'service')
  mkdirSync(service)
  npm(['init', '-y', '--silent'], service)
  const fastify = `fastify@${versionOf('fastify')}`
  npm(
    ['install', '--prefer-offline', '--no-audit', '--no-fund', '--silent', join(folder, packed.filename), fastify],
    service,
  )
  const answered = await askService(join(root, 'README.md'), service)
  if (answered !== '201 500 201 [{"id":1,"name":"ed"},{"id":2,"name":"wendy"}]')
    throw new Error(`The service answered ${answered}`)
  console.log("README's service answers")
} finally {
  rmSync(folder, { recursive: true, force: true })
}

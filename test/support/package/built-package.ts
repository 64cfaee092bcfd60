import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from '../repository.ts'

/** What a program said and how it ended. */
export interface Ended {
  readonly code: number | null
  readonly output: string
}

/** A folder that sees the built package as an installed one: programs in it import `heddle`. */
export interface BuiltPackage {
  readonly folder: string
  remove(): void
}

/** Why there is nothing to build, while there is no public entry. */
export const noPackage = existsSync(join(repository, 'src/index.ts')) ? undefined : 'src/index.ts does not exist'

/**
 * Builds src into `node_modules/heddle` of a new folder inside the repository, so that other packages are found in the
 * repository's own node_modules. Independent of `dist`, so that tests can run beside a build.
 */
export async function builtPackage(name: string): Promise<BuiltPackage> {
  mkdirSync(join(repository, '.tmp'), { recursive: true })
  const folder = mkdtempSync(join(repository, '.tmp', `${name}-`))
  const home = join(folder, 'node_modules', 'heddle')
  const remove = () => rmSync(folder, { recursive: true, force: true })
  mkdirSync(home, { recursive: true })
  // A package of its own: inside of this one, `heddle` would mean the repository's dist.
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ name: 'programs', private: true, type: 'module' }))
  cpSync(join(repository, 'package.json'), join(home, 'package.json'))
  const { code, output } = await runNode([join(repository, 'scripts/build.ts'), join(home, 'dist')], repository)
  if (code === 0) return { folder, remove }
  remove()
  throw new Error(`The package does not build:\n${output}`)
}

/** Runs a program with the Node that runs the tests. */
export async function runNode(
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv = process.env,
): Promise<Ended> {
  return await run(process.execPath, args, folder, env)
}

/** Runs a program to its end and collects all it says. */
export async function run(
  program: string,
  args: readonly string[],
  folder: string,
  env: NodeJS.ProcessEnv,
): Promise<Ended> {
  const child = spawn(program, args, { cwd: folder, env: { ...env, NO_COLOR: '1' }, stdio: ['ignore', 'pipe', 'pipe'] })
  const output: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk))
  child.stderr.on('data', (chunk: Buffer) => output.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  return { code, output: Buffer.concat(output).toString() }
}

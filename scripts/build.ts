/** Compiles src to dist. `node scripts/build.ts <folder>` compiles to another folder. */
import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

const root = join(import.meta.dirname, '..')
const target = resolve(process.argv[2] ?? join(root, 'dist'))
rmSync(target, { recursive: true, force: true })
const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
const { status, error } = spawnSync(
  process.execPath,
  [compiler, '-p', join(root, 'tsconfig.build.json'), '--outDir', target],
  { cwd: root, stdio: 'inherit' },
)
if (error) throw error
process.exitCode = status ?? 1

/** Runs all tests on all databases and prints which behaviours hold on which of them. Arguments are given to Vitest. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const { status, error } = spawnSync(
  process.execPath,
  [
    join(root, 'node_modules', 'vitest', 'vitest.mjs'),
    'run',
    '--reporter=dot',
    '--reporter=./test/support/conformance/reporter.ts',
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit', env: { HEDDLE_TEST_ON: 'all', ...process.env } },
)
if (error) throw error
process.exitCode = status ?? 1

/**
 * Runs the bank of `examples/bank-api` while backends of its database are killed at random, on a PostgreSQL and a MariaDB that it starts
 * itself, and checks that the books balance and nothing is leaked.
 *
 *     npm run chaos                    a minute on each
 *     npm run chaos -- --seconds 10 --clients 64
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Bench, startVictim, stopVictim } from '../test/support/faults/bench.ts'
import { chaos } from '../test/support/faults/chaos.ts'
import type { Victim } from '../test/support/faults/products.ts'
import { mariadbVictim, postgresVictim } from '../test/support/faults/victims.ts'

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '60' }, clients: { type: 'string', default: '32' } },
})
const folder = mkdtempSync(join(tmpdir(), 'heddle-chaos-'))
chmodSync(folder, 0o711)
try {
  for (const victim of [await postgresVictim(folder), await mariadbVictim(folder)]) {
    if (victim !== undefined) await run(victim)
  }
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function run(victim: Victim): Promise<void> {
  await startVictim(victim)
  const bench = await Bench.open(victim)
  try {
    const { server, product } = victim
    const url = `${server.url}/${bench.database}`
    const report = await chaos({ url, product, seconds: Number(values.seconds), clients: Number(values.clients) })
    const told = [...report.told].map(([code, times]) => `${times} × ${code}`).join(', ') || 'nothing but successes'
    console.log(
      `${product.name} ${victim.version}: ${report.requests} requests, ${report.commits} commits, ${report.killed} backends killed; ` +
        `told: ${told}; leaked ${report.leaked}; ${report.problems.length === 0 ? 'all invariants hold' : 'WRONG:'}`,
    )
    for (const problem of report.problems.slice(0, 20)) console.log(`  ${problem}`)
    if (report.problems.length > 0) process.exitCode = 1
  } finally {
    await bench.close()
    await stopVictim(victim)
  }
}

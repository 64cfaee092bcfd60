/**
 * Tries every fault on servers that it starts itself, prints a table of what callers saw, and fails where anything was leaked or lost.
 *
 *     npm run test:faults                    every fault, three times
 *     npm run test:faults -- --rounds 1 --only COMMIT
 */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { startVictim, stopVictim } from '../test/support/faults/bench.ts'
import type { Victim } from '../test/support/faults/products.ts'
import { type FaultReport, runFault } from '../test/support/faults/run-fault.ts'
import { serverFaults } from '../test/support/faults/server-faults.ts'
import { runSqliteFault, sqliteFaults } from '../test/support/faults/sqlite-faults.ts'
import { faultTable } from '../test/support/faults/table.ts'
import { mariadbVictim, postgresVictim } from '../test/support/faults/victims.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, only: { type: 'string', default: '' } },
})
const folder = mkdtempSync(join(tmpdir(), 'heddle-faults-'))
chmodSync(folder, 0o711)
const victims = [await postgresVictim(folder), await mariadbVictim(folder)].filter((each) => each !== undefined)

try {
  const reports: FaultReport[] = []
  for (const victim of victims) reports.push(...(await tryAll(victim)))
  const onFiles: FaultReport[] = []
  for (const scheme of ['sqlite', 'sqlite+better-sqlite3']) onFiles.push(...(await tryAllOnFiles(scheme)))
  console.log(`\n${faultTable(reports)}\n\n${faultTable(onFiles)}`)
  reports.push(...onFiles)
  process.exitCode = reports.some((report) => report.problems.length > 0) ? 1 : 0
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function tryAll(victim: Victim): Promise<FaultReport[]> {
  const reports: FaultReport[] = []
  await startVictim(victim)
  try {
    for (const fault of serverFaults.filter(({ name }) => name.includes(values.only))) {
      for (let round = 0; round < Number(values.rounds); round++) reports.push(told(await runFault(fault, victim)))
    }
  } finally {
    await stopVictim(victim)
  }
  return reports
}

async function tryAllOnFiles(scheme: string): Promise<FaultReport[]> {
  const reports: FaultReport[] = []
  for (const fault of sqliteFaults.filter(({ name }) => name.includes(values.only))) {
    for (let round = 0; round < Number(values.rounds); round++) {
      reports.push(told(await runSqliteFault(fault, folder, scheme)))
    }
  }
  return reports
}

function told(report: FaultReport): FaultReport {
  const { database, fault, saw, problems } = report
  const outcome = problems.length === 0 ? 'ok' : `WRONG: ${problems.join('; ')}`
  console.log(`${database} · ${fault}: ${saw.join(', ') || 'nothing seen'} · ${outcome}`)
  return report
}

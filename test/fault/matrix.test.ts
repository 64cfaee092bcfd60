import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startVictim, stopVictim } from '../support/faults/bench.ts'
import type { Victim } from '../support/faults/products.ts'
import { runFault } from '../support/faults/run-fault.ts'
import { serverFaults } from '../support/faults/server-faults.ts'
import { runSqliteFault, sqliteFaults } from '../support/faults/sqlite-faults.ts'
import { mariadbVictim, postgresVictim } from '../support/faults/victims.ts'
import { findProgram } from '../support/servers/local-server.ts'

/** The bounded form of `npm run test:faults`: every fault once, on servers of the file's own that may be harmed. */
const folder = mkdtempSync(join(tmpdir(), 'heddle-faults-'))
chmodSync(folder, 0o711)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function onServer(name: string, make: () => Promise<Victim | undefined>): void {
  describe(name, () => {
    let victim: Victim
    beforeAll(async () => {
      victim = (await make()) as Victim
      await startVictim(victim)
    })
    afterAll(() => stopVictim(victim))

    for (const fault of serverFaults) {
      it(`${fault.name}: told by name, nothing leaked, nothing lost, and the next request works`, {
        timeout: 60_000,
      }, async () => {
        expect((await runFault(fault, victim)).problems).toEqual([])
      })
    }
  })
}

onServer('postgres', () => postgresVictim(folder))
// Where none is installed the run has said so at its start; continuous integration installs one.
if (findProgram('mariadbd', 'mysqld') !== undefined || process.env['CI'] === 'true') {
  onServer('mariadb', () => mariadbVictim(folder))
}

for (const scheme of ['sqlite', 'sqlite+better-sqlite3']) {
  describe(scheme, () => {
    for (const fault of sqliteFaults) {
      it(`${fault.name}: told by name, nothing leaked, nothing lost, and the next request works`, async () => {
        expect((await runSqliteFault(fault, folder, scheme)).problems).toEqual([])
      })
    }
  })
}

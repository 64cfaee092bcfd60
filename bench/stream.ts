/**
 * Streams a million rows as instances, and prints how large the heap grew and how many instances the session held at the most.
 *
 *   node --expose-gc bench/stream.ts                       SQLite in a temporary folder
 *   node --expose-gc bench/stream.ts postgresql://user@host/db 1000000
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAll, createEngine, dropAll, entity, integer, sessionmaker, sql, varchar } from '../src/index.ts'

class Row extends entity('bench_stream', {
  id: integer().primaryKey(),
  name: varchar(100),
  amount: integer(),
}) {}

const rows = Number(process.argv[3] ?? 1_000_000)
const folder = mkdtempSync(join(tmpdir(), 'heddle-stream-'))
const engine = createEngine(process.argv[2] ?? `sqlite:///${join(folder, 'stream.db')}`)

const NUMBERS: Readonly<Record<string, string>> = {
  sqlite: `with recursive n(i) as (select 1 union all select i + 1 from n where i < ${rows}) select i, 'name ' || i, i % 100 from n`,
  postgres: `select i, 'name ' || i, i % 100 from generate_series(1, ${rows}) as n(i)`,
  mysql: `select seq, concat('name ', seq), seq % 100 from seq_1_to_${rows}`,
}

function heap(): number {
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1024 / 1024
}

try {
  await dropAll(engine, [Row])
  await createAll(engine, [Row])
  const numbers = NUMBERS[engine.dialect.name] ?? NUMBERS['mysql']
  await engine.begin((connection) =>
    connection.execute(sql.raw(`insert into bench_stream (id, name, amount) ${numbers}`)),
  )
  const before = heap()
  let [seen, sum, most, held] = [0, 0, before, 0]
  const start = performance.now()
  await sessionmaker({ bind: engine, readOnly: true }).begin(async (session) => {
    for await (const { amount } of session.query(Row).stream({ batch: 1_000 })) {
      sum += amount
      if (++seen % 100_000 !== 0) continue
      most = Math.max(most, heap())
      held = Math.max(held, session.identityMap.size)
    }
  })
  const seconds = ((performance.now() - start) / 1_000).toFixed(1)
  console.log(
    `${engine.dialect.name}: ${seen} rows (sum ${sum}) in ${seconds} s; heap ${before.toFixed(1)} MB before, ` +
      `${most.toFixed(1)} MB at the most; ${held} instances held at the most`,
  )
} finally {
  await dropAll(engine, [Row])
  await engine.dispose()
  rmSync(folder, { recursive: true, force: true })
}

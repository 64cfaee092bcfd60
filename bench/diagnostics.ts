/**
 * What the diagnostics channels cost, with nobody listening and with a listener on each: `node bench/diagnostics.ts`. The question asked
 * before a message would be made is measured by itself as well, because that is all that is left when nobody listens.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { createAll, createEngine, entity, integer, scopedSession, sessionmaker, text } from '../src/index.ts'
import { channels } from '../src/support/index.ts'

class Row extends entity('rows', { id: integer().primaryKey(), name: text() }) {}

const UNITS = 2_000
const ROUNDS = 9

await using engine = createEngine('sqlite://')
await createAll(engine, [Row])
const Session = scopedSession(sessionmaker({ bind: engine }))
await Session.begin(() => Session.add(new Row({ name: 'a' })))

/** A unit of work that passes every channel: a scope, a checkout, a transaction, a query, a flush. */
async function units(): Promise<number> {
  const began = performance.now()
  for (let n = 0; n < UNITS; n++) {
    await Session.begin(async (session) => {
      const row = await session.getOne(Row, 1)
      row.name = row.name === 'a' ? 'b' : 'a'
    })
  }
  return ((performance.now() - began) * 1_000) / UNITS
}

/** Nanoseconds for one question whether anybody listens. */
function question(): number {
  const asked = 20_000_000
  let heard = 0
  const began = performance.now()
  for (let n = 0; n < asked; n++) if (channels.query.hasSubscribers) heard++
  if (heard > 0) throw new Error('somebody listens')
  return ((performance.now() - began) * 1_000_000) / asked
}

function median(values: readonly number[]): number {
  return values.toSorted((left, right) => left - right)[values.length >> 1] ?? Number.NaN
}

const listener = () => {}
const names = Object.values(channels).map(({ name }) => name)
const [quiet, heard]: [number[], number[]] = [[], []]
await units()
for (let round = 0; round < ROUNDS; round++) {
  quiet.push(await units())
  for (const name of names) subscribe(name, listener)
  heard.push(await units())
  for (const name of names) unsubscribe(name, listener)
}
question()
console.log(`a unit of work, nobody listens   ${median(quiet).toFixed(1)} µs`)
console.log(`the same, a listener on each     ${median(heard).toFixed(1)} µs`)
console.log(`one question, nobody listens     ${question().toFixed(2)} ns, about 12 of them in a unit of work`)

/**
 * Mixed load for a while, and a look at what stays behind: `npm run soak` for two minutes on SQLite, `npm run soak -- --seconds 3600
 * --url postgresql://…` for a night. Fails where memory or connections grow, or where what is stored is not what was acknowledged.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { parseArgs } from 'node:util'
import {
  createAll,
  createEngine,
  DeadlockError,
  type Engine,
  entity,
  integer,
  LockNotAvailableError,
  manyToOne,
  oneToMany,
  runExclusive,
  SerializationError,
  type Session as SessionType,
  scopedSession,
  sessionmaker,
  varchar,
  workParallel,
} from '../src/index.ts'

class Owner extends entity('soak_owners', {
  id: integer().primaryKey(),
  name: varchar(60),
  get things() {
    return oneToMany(() => Thing, { backPopulates: 'owner', cascade: 'all, delete-orphan' })
  },
}) {}

class Thing extends entity('soak_things', {
  id: integer().primaryKey(),
  label: varchar(60),
  ownerId: integer().references('soak_owners.id'),
  get owner() {
    return manyToOne(() => Owner, { foreignKey: 'ownerId', backPopulates: 'things' })
  },
}) {}

/** How a soak goes about it. */
export interface SoakOptions {
  readonly url: string
  /** Ends after so many rounds, or after so many milliseconds, whichever is first. */
  readonly rounds: number
  readonly milliseconds: number
  readonly report?: (line: string) => void
}

/** What a soak found. */
export interface SoakOutcome {
  readonly rounds: number
  /** Owners that blocks reported as stored, and those that are. */
  readonly acknowledged: number
  readonly stored: number
  readonly failedOnPurpose: number
  readonly connectionsOut: number
  /** Connections that were opened in all: those of the pool, and one for the exclusive job of each round. */
  readonly opened: number
  /** Megabytes of live heap after a collection, at each tenth of the way; empty without `--expose-gc`. */
  readonly heap: readonly number[]
}

/** Rounds of everything at once, until the time or the number of rounds is over. */
export async function soak({ url, rounds, milliseconds, report = () => {} }: SoakOptions): Promise<SoakOutcome> {
  const engine = createEngine(url, { pool: { size: 10, maxOverflow: 0 } })
  let opened = 0
  engine.on('connect', () => void opened++)
  await createAll(engine, [Owner, Thing])
  const load = new Load(engine)
  const heap: number[] = []
  const begun = performance.now()
  const share = (done: number) => Math.max(done / rounds, (performance.now() - begun) / milliseconds)
  let done = 0
  for (; share(done) < 1; done++) {
    await load.round(done)
    if (heap.length >= Math.floor(share(done + 1) * 10)) continue
    const megabytes = liveHeap()
    if (megabytes !== undefined) heap.push(megabytes)
    report(`round ${done + 1}: heap ${megabytes ?? '?'} MB, opened ${opened}, ${JSON.stringify(engine.pool.status())}`)
  }
  const connectionsOut = engine.pool.status().checkedOut
  const stored = await sessionmaker({ bind: engine }).begin((session) => session.query(Owner).count())
  await engine.dispose()
  const { acknowledged, failedOnPurpose } = load
  return { rounds: done, acknowledged, stored, failedOnPurpose, connectionsOut, opened, heap }
}

class Load {
  acknowledged = 0
  failedOnPurpose = 0
  readonly #Session: ReturnType<typeof scopedSession<SessionType>>

  constructor(engine: Engine) {
    this.#Session = scopedSession(sessionmaker({ bind: engine }))
  }

  /** A few of each kind of work at once. Rows come and go, so that the tables stay small. */
  async round(n: number): Promise<void> {
    await Promise.all([
      this.#store(n),
      this.#failing(n),
      this.#branches(n),
      this.#streaming(),
      this.#aborted(n),
      this.#parallel(n),
    ])
    if (n % 10 === 9) await this.#clear()
  }

  #block(work: (session: SessionType) => Promise<unknown>, signal?: AbortSignal): Promise<unknown> {
    return this.#Session.transaction(work, { retries: 5, signal })
  }

  async #store(n: number): Promise<void> {
    await this.#block(async (session) => {
      const things = Array.from({ length: 5 }, (_, i) => new Thing({ label: `thing ${i}` }))
      session.add(new Owner({ name: `stored ${n}`, things }))
    })
    this.acknowledged++
  }

  async #failing(n: number): Promise<void> {
    const failure = new Error('on purpose')
    await this.#block(async (session) => {
      session.add(new Owner({ name: `lost ${n}` }))
      await session.flush()
      throw failure
    }).catch((error: unknown) => this.#expect(error, failure))
  }

  async #branches(n: number): Promise<void> {
    await this.#block(async (session) => {
      const branch = (i: number) =>
        session.beginNested(async () => {
          session.add(new Owner({ name: `branch ${n} ${i}` }))
          await session.flush()
          if (i === 1) throw new Error('undone')
        })
      await Promise.allSettled([branch(0), branch(1), branch(2)])
    })
    this.acknowledged += 2
  }

  async #streaming(): Promise<void> {
    await this.#Session.run(async () => {
      for await (const owner of this.#Session.query(Owner).stream({ batch: 10 })) if (owner.id % 7 === 0) break
    })
  }

  async #aborted(n: number): Promise<void> {
    const stop = new AbortController()
    const reason = new Error('enough')
    const work = this.#block(async (session) => {
      session.add(new Owner({ name: `aborted ${n}` }))
      await session.flush()
      stop.abort(reason)
      await new Promise(() => {})
    }, stop.signal)
    await work.catch((error: unknown) => this.#expect(error, reason))
  }

  async #parallel(n: number): Promise<void> {
    const items = [1, 2, 3]
    await workParallel(this.#Session, items, async (session, i) => {
      await session
        .query(Owner)
        .where('name', '=', `stored ${n - i}`)
        .with('things')
        .first()
    })
    await runExclusive(this.#Session, 'soak', () => undefined, { ifBusy: 'skip' })
  }

  async #clear(): Promise<void> {
    const before = await this.#Session.begin(async (session) => {
      const owners = await session.query(Owner).all()
      session.deleteAll(owners)
      return owners.length
    })
    this.acknowledged -= before
  }

  #expect(error: unknown, expected: Error): void {
    const isBusy = [DeadlockError, SerializationError, LockNotAvailableError].some((each) => error instanceof each)
    if (error !== expected && !isBusy) throw error
    this.failedOnPurpose++
  }
}

function liveHeap(): number | undefined {
  const { gc } = globalThis as { readonly gc?: () => void }
  if (gc === undefined) return undefined
  gc()
  return Math.round((process.memoryUsage().heapUsed / 2 ** 20) * 10) / 10
}

/** What is wrong with an outcome. The first measurement is left out: code is still being compiled then. */
export function problemsOf({ rounds, acknowledged, stored, connectionsOut, opened, heap }: SoakOutcome): string[] {
  const problems: string[] = []
  if (acknowledged !== stored) problems.push(`${acknowledged} rows were acknowledged, ${stored} are stored`)
  if (connectionsOut !== 0) problems.push(`${connectionsOut} connections are out`)
  if (opened > rounds + 20) problems.push(`${opened} connections were opened`)
  const [, second = 0] = heap
  const last = heap.at(-1) ?? 0
  if (heap.length > 3 && last > second * 1.5 + 5) problems.push(`the heap grew from ${second} to ${last} MB`)
  return problems
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { seconds: { type: 'string', default: '120' }, url: { type: 'string' } } })
  const folder = mkdtempSync(join(tmpdir(), 'heddle-soak-'))
  const url = values.url ?? `sqlite:///${folder}/soak.db`
  const milliseconds = Number(values.seconds) * 1000
  const outcome = await soak({
    url,
    rounds: Number.POSITIVE_INFINITY,
    milliseconds,
    report: (line) => console.log(line),
  })
  rmSync(folder, { recursive: true, force: true })
  console.log(outcome)
  const problems = problemsOf(outcome)
  for (const problem of problems) console.error(problem)
  process.exitCode = problems.length === 0 ? 0 : 1
}

if (import.meta.main) await main()

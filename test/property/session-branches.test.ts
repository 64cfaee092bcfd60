import fc from 'fast-check'
import { expect, it } from 'vitest'
import {
  ConcurrentUseError,
  createAll,
  type Engine,
  InvalidRequestError,
  type Session,
  sessionmaker,
  sql,
} from '../../src/index.ts'
import { Tag } from '../behaviour/people.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

/** One step of a branch. */
type Step =
  | 'add'
  | 'set'
  | 'flush'
  | 'get'
  | 'query'
  | 'execute'
  | 'savepoint'
  | 'failing savepoint'
  | 'forget'
  | 'throw'

/** Branches that share one session, and what the block waits for before it ends. */
interface Program {
  readonly branches: readonly (readonly Step[])[]
  readonly waitsFor: 'all' | 'all settled' | 'the first'
}

const failure = new Error('of a branch')
const undo = new Error('of a savepoint')

class Branch {
  readonly name: string
  readonly #session: Session
  readonly #pause: () => Promise<unknown>
  /** What it has been told is written, and not undone since. */
  readonly acknowledged = new Set<string>()
  /** What it has put into the session, and no failing savepoint of its own has taken out. */
  readonly added = new Set<string>()
  readonly errors: unknown[] = []
  #last: Tag | undefined
  #made = 0

  constructor(name: string, session: Session, pause: () => Promise<unknown>) {
    this.name = name
    this.#session = session
    this.#pause = pause
  }

  async run(steps: readonly Step[]): Promise<void> {
    try {
      for (const step of steps) {
        await this.#pause()
        await this.#perform(step)
      }
    } catch (error) {
      this.errors.push(error)
      throw error
    }
  }

  async #perform(step: Step): Promise<void> {
    const session = this.#session
    if (step === 'add') this.#add()
    if (step === 'set' && this.#last !== undefined) this.#last.label = `${this.#made++}`
    if (step === 'flush') await this.#flush()
    if (step === 'get') await session.get(Tag, `${this.name}0`)
    if (step === 'query') await session.query(Tag).count()
    if (step === 'execute') await session.execute(sql`select 1 as one`)
    if (step === 'savepoint') await session.beginNested(() => this.#nested())
    if (step === 'failing savepoint') await this.#failingSavepoint()
    if (step === 'forget')
      void session
        .query(Tag)
        .all()
        .catch(() => {})
    if (step === 'throw') throw failure
  }

  #add(): string {
    const code = `${this.name}${this.#made++}`
    this.#last = new Tag({ code, label: 'new' })
    this.#session.add(this.#last)
    this.added.add(code)
    return code
  }

  async #flush(): Promise<void> {
    const before = [...this.added]
    await this.#session.flush()
    for (const code of before) this.acknowledged.add(code)
  }

  async #nested(): Promise<void> {
    this.#add()
    await this.#pause()
    await this.#session.query(Tag).count()
  }

  async #failingSavepoint(): Promise<void> {
    let code = ''
    const before = this.#last
    const nested = this.#session.beginNested(async () => {
      code = this.#add()
      await this.#session.flush()
      await this.#pause()
      throw undo
    })
    await nested.catch((error: unknown) => {
      if (error !== undo) throw error
      this.added.delete(code)
      this.#last = before
    })
  }
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Step[]>('add', 'set', 'flush') },
    { weight: 4, arbitrary: fc.constantFrom<Step[]>('get', 'query', 'execute', 'savepoint', 'failing savepoint') },
    { weight: 1, arbitrary: fc.constantFrom<Step[]>('forget', 'throw') },
  ),
  { maxLength: 6, size: 'max' },
)
const programs: fc.Arbitrary<Program> = fc.record({
  branches: fc.array(steps, { minLength: 1, maxLength: 4 }),
  waitsFor: fc.constantFrom('all', 'all', 'all settled', 'the first'),
})

function runBranches({ branches, waitsFor }: Program, running: readonly Branch[]): Promise<unknown> {
  const promises = running.map((branch, index) => branch.run(branches[index] ?? []))
  for (const promise of promises) promise.catch(() => {})
  if (waitsFor === 'the first') return promises[0] as Promise<void>
  return waitsFor === 'all' ? Promise.all(promises) : Promise.allSettled(promises)
}

async function stored(engine: Engine): Promise<string[]> {
  return engine.begin(async (connection) => {
    const { rows } = await connection.execute<{ code: string }>(sql`select code from tags order by code`)
    return rows.map(({ code }) => code)
  })
}

onEvery({}, (db) => {
  const numRuns = Number(process.env['HEDDLE_PROPERTY_RUNS'] ?? (db.name === 'sqlite' ? 200 : 25))

  it('however branches that share a session interleave: stored is what was acknowledged, no connection is out, nothing is sent after the end', async () => {
    const engine = openEngine(db)
    await createAll(engine, [Tag])
    const Sessions = sessionmaker({ bind: engine })
    const statements = recordStatements(engine)
    const property = fc.asyncProperty(fc.scheduler(), programs, async (scheduler, program) => {
      await engine.begin((connection) => connection.execute(sql`delete from tags`))
      const pause = () => scheduler.schedule(Promise.resolve())
      let running: Branch[] = []
      const block = Sessions.begin((session) => {
        running = program.branches.map((_, index) => new Branch('abcd'[index] as string, session, pause))
        return runBranches(program, running)
      }).then(
        () => ({ error: undefined, out: engine.pool.status().checkedOut }),
        (error: unknown) => ({ error, out: engine.pool.status().checkedOut }),
      )
      const { error, out } = await scheduler.waitFor(block)
      expect(out).toBe(0)
      statements.clear()
      // The branches that were left behind go on, and get nowhere.
      for (let turn = 0; turn < 3; turn++) {
        await scheduler.waitIdle()
        await new Promise((resolve) => setImmediate(resolve))
      }
      statements.expectCount(0)
      expect(engine.pool.status().checkedOut).toBe(0)
      const codes = await stored(engine)
      if (error !== undefined) {
        expect(codes).toEqual([])
        if (error !== failure) expect(error).toBeInstanceOf(InvalidRequestError)
      } else {
        const added = running.flatMap((branch) => [...branch.added]).toSorted()
        const acknowledged = running.flatMap((branch) => [...branch.acknowledged])
        expect(codes).toEqual(expect.arrayContaining(acknowledged))
        expect(codes).toEqual(added)
      }
      for (const each of running.flatMap((branch) => branch.errors)) {
        if (each !== failure) expect(each).toBeInstanceOf(InvalidRequestError)
      }
    })
    await fc.assert(property, { numRuns })
  }, 60_000)

  it('however branches that share a strict session interleave, what one has been told is flushed is stored, and nothing is lost', async () => {
    const engine = openEngine(db)
    await createAll(engine, [Tag])
    const Sessions = sessionmaker({ bind: engine, concurrency: 'raise' })
    const work = fc.array(fc.array(fc.constantFrom('add', 'flush', 'query'), { maxLength: 8, size: 'max' }), {
      minLength: 2,
      maxLength: 5,
    })
    const property = fc.asyncProperty(fc.scheduler(), work, async (scheduler, branches) => {
      await engine.begin((connection) => connection.execute(sql`delete from tags`))
      await using session = Sessions()
      const added: string[] = []
      const run = async (branch: readonly string[], name: string) => {
        for (const [index, step] of branch.entries()) {
          await scheduler.schedule(Promise.resolve())
          if (step === 'add') {
            session.add(new Tag({ code: `${name}${index}`, label: 'new' }))
            added.push(`${name}${index}`)
            continue
          }
          const call = step === 'flush' ? session.flush() : session.query(Tag).count()
          await call.catch((error: unknown) => expect(error).toBeInstanceOf(ConcurrentUseError))
        }
      }
      await scheduler.waitFor(Promise.all(branches.map((branch, index) => run(branch, 'abcde'[index] as string))))
      await session.commit()
      expect(engine.pool.status().checkedOut).toBe(0)
      expect(await stored(engine)).toEqual(added.toSorted())
    })
    await fc.assert(property, { numRuns })
  }, 60_000)
})

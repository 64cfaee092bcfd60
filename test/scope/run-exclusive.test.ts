import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  type Engine,
  type ExclusiveLock,
  InvalidRequestError,
  LockLostError,
  LockNotAvailableError,
  runExclusive,
  type Session,
  type Sessionmaker,
  scopedSession,
  sessionmaker,
  sql,
} from '../../src/index.ts'
import { connectionsOut } from '../behaviour/people.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { startJob } from './exclusive-programs.ts'

type Sessions = Sessionmaker<Session>

async function open(db: TestDatabase, pool = {}) {
  const url = await db.freshUrl()
  const engine = openEngine(url, { pool })
  await engine.begin((connection) => connection.execute(sql`create table done (what varchar(40))`))
  return { url, engine, Sessions: sessionmaker({ bind: engine }) }
}

const insert = (Sessions: Sessions, what: string) =>
  Sessions.begin((session) => session.execute(sql`insert into done (what) values (${what})`))

const done = (Sessions: Sessions) =>
  Sessions.begin(async (session) => {
    const { rows } = await session.execute<{ what: string }>(sql`select what from done order by what`)
    return rows.map(({ what }) => what)
  })

/** A job that has begun, and runs until it is let go. */
async function begun(sessions: Sessions, name: string, work: (lock: ExclusiveLock) => unknown = () => undefined) {
  const inside = Promise.withResolvers<ExclusiveLock>()
  const rest = Promise.withResolvers<void>()
  const ended = runExclusive(sessions, name, async (lock) => {
    inside.resolve(lock)
    await rest.promise
    return work(lock)
  })
  ended.catch(inside.reject)
  return { lock: await inside.promise, end: () => rest.resolve(), ended }
}

onEvery({}, (db) => {
  it('runs one of several callers at a time, each in its turn, and gives what the function resolves to', async () => {
    const { engine, Sessions } = await open(db)
    const order: string[] = []
    const results = await Promise.all(
      [1, 2, 3, 4].map((n) =>
        runExclusive(
          Sessions,
          'job',
          async () => {
            order.push(`begin ${n}`)
            await insert(Sessions, `${n} first`)
            await insert(Sessions, `${n} second`)
            order.push(`end ${n}`)
            return n * 10
          },
          { ifBusy: 'wait' },
        ),
      ),
    )
    expect(results).toEqual([10, 20, 30, 40])
    expect(order).toEqual([1, 2, 3, 4].flatMap((n) => [`begin ${n}`, `end ${n}`]))
    expect([connectionsOut(engine), (await done(Sessions)).length]).toEqual([0, 8])
  })

  it('skips, fails by name or waits while another caller runs the job, and lets other jobs alone', async () => {
    const { Sessions } = await open(db)
    const first = await begun(Sessions, 'job', () => 'first')
    expect(await runExclusive(Sessions, 'job', () => 'second', { ifBusy: 'skip' })).toBeUndefined()
    const error = (await thrownBy(() => runExclusive(Sessions, 'job', () => 'second'))) as Error
    expect(error).toBeInstanceOf(LockNotAvailableError)
    expect(error.message).toMatch(/the job 'job' is run by another caller of this thread now/)
    expect(await runExclusive(Sessions, 'Job', () => 'of another name')).toBe('of another name')
    const waiting = runExclusive(Sessions, 'job', () => 'second', { ifBusy: 'wait' })
    first.end()
    expect(await first.ended).toBe('first')
    expect(await waiting).toBe('second')
  })

  it('gives up waiting after the timeout, and by its signal, and leaves the line', async () => {
    const { Sessions } = await open(db)
    const first = await begun(Sessions, 'job')
    const late = thrownBy(() => runExclusive(Sessions, 'job', () => 0, { ifBusy: 'wait', timeout: 30 }))
    const stop = new AbortController()
    const stopped = thrownBy(() => runExclusive(Sessions, 'job', () => 0, { ifBusy: 'wait', signal: stop.signal }))
    stop.abort(new Error('enough'))
    expect(await stopped).toBe(stop.signal.reason)
    expect(await late).toBeInstanceOf(LockNotAvailableError)
    const next = runExclusive(Sessions, 'job', () => 'next', { ifBusy: 'wait' })
    first.end()
    await first.ended
    expect(await next).toBe('next')
  })

  it('is free again after a function that throws, at once or later, and throws the same error', async () => {
    const { Sessions } = await open(db)
    const failure = new Error('of the work')
    const throwing = runExclusive(Sessions, 'job', () => {
      throw failure
    })
    expect(await thrownBy(() => throwing)).toBe(failure)
    expect(await thrownBy(() => runExclusive(Sessions, 'job', () => Promise.reject(failure)))).toBe(failure)
    expect(await runExclusive(Sessions, 'job', () => 'free')).toBe('free')
  })

  it('refuses the same job inside itself, which would wait for ever, and allows another one', async () => {
    const { Sessions } = await open(db)
    const seen = await runExclusive(Sessions, 'outer', async () => {
      const again = await thrownBy(() => runExclusive(Sessions, 'outer', () => 0, { ifBusy: 'wait' }))
      const inner = await runExclusive(Sessions, 'inner', () =>
        thrownBy(() => runExclusive(Sessions, 'outer', () => 0, { ifBusy: 'wait' })),
      )
      return [again, inner]
    })
    expect(seen).toEqual([expect.any(InvalidRequestError), expect.any(InvalidRequestError)])
  })

  it('lets a branch that outlives the job ask for it again', async () => {
    const { Sessions } = await open(db)
    const ended = Promise.withResolvers<void>()
    const { branch } = await runExclusive(Sessions, 'job', () => ({
      branch: ended.promise.then(() => runExclusive(Sessions, 'job', () => 'again')),
    }))
    ended.resolve()
    expect(await branch).toBe('again')
  })

  it('takes a registry, and passes the signal of its caller on while the function runs', async () => {
    const { Sessions } = await open(db)
    const Session = scopedSession(Sessions)
    const stop = new AbortController()
    const work = runExclusive(
      Session,
      'job',
      async ({ signal, name }) => {
        await Session.begin((session) => session.execute(sql`insert into done (what) values (${name})`))
        stop.abort(new Error('enough'))
        signal.throwIfAborted()
      },
      { signal: stop.signal },
    )
    expect(await thrownBy(() => work)).toBe(stop.signal.reason)
    expect(await done(Sessions)).toEqual(['job'])
  })

  it('needs no connection of the pool: the work may have them all', async () => {
    const { engine, Sessions } = await open(db, { size: 1, maxOverflow: 0, timeout: 2_000 })
    const count = await Sessions.begin(async (session) => {
      await session.execute(sql`insert into done (what) values ('outside')`)
      return runExclusive(Sessions, 'job', async ({ check }) => {
        await check()
        await session.execute(sql`insert into done (what) values ('inside')`)
        return connectionsOut(engine)
      })
    })
    expect(count).toBe(1)
    expect(await done(Sessions)).toEqual(['inside', 'outside'])
  })
})

onEvery({ needs: ['connections'] }, (db) => {
  it('keeps another engine out as well, and says who has the lock', async () => {
    const { url, Sessions } = await open(db)
    const Others = sessionmaker({ bind: openEngine(url) })
    const first = await begun(Sessions, 'job')
    expect(await runExclusive(Others, 'job', () => 'second', { ifBusy: 'skip' })).toBeUndefined()
    const error = (await thrownBy(() => runExclusive(Others, 'job', () => 'second'))) as Error
    expect(error).toBeInstanceOf(LockNotAvailableError)
    expect(error.message).toMatch(/is run by (backend \d+ of|connection \d+ of|process \d+ of) /)
    const waiting = runExclusive(Others, 'job', () => 'second', { ifBusy: 'wait' })
    first.end()
    await first.ended
    expect(await waiting).toBe('second')
  })

  it('across processes: while another one works and commits, the job is skipped here; afterwards it runs', async () => {
    const { url, Sessions } = await open(db)
    const other = startJob(
      url,
      `await runExclusive(Sessions, 'update.py', async () => {
        await insert('one')
        say('working')
        await untilTold()
        await insert('two')
      })
      say('ended')`,
    )
    expect(await other.nextLine()).toBe('working')
    expect(await done(Sessions)).toEqual(['one'])
    expect(await runExclusive(Sessions, 'update.py', () => 'ran', { ifBusy: 'skip' })).toBeUndefined()
    const waiting = runExclusive(Sessions, 'update.py', () => done(Sessions), { ifBusy: 'wait' })
    other.tell()
    expect(await waiting).toEqual(['one', 'two'])
    expect(await other.nextLine()).toBe('ended')
    expect(await other.ended).toBe(0)
  })

  it('across processes: a process that is killed by SIGKILL frees the job, and what it had committed stays', async () => {
    const { url, Sessions } = await open(db)
    const other = startJob(
      url,
      `await runExclusive(Sessions, 'update.py', async () => {
        await insert('committed')
        await Sessions.begin(async (session) => {
          await session.execute(sql\`insert into done (what) values ('not committed')\`)
          say('working')
          await untilTold()
        })
      })`,
    )
    expect(await other.nextLine()).toBe('working')
    expect(await runExclusive(Sessions, 'update.py', () => 'ran', { ifBusy: 'skip' })).toBeUndefined()
    other.child.kill('SIGKILL')
    expect(await other.ended).toBe('SIGKILL')
    const seen = await runExclusive(Sessions, 'update.py', () => done(Sessions), { ifBusy: 'wait' })
    expect(seen).toEqual(['committed'])
  })

  it('across processes: of several that wait, one at a time reads, waits and writes, and no step is lost', async () => {
    const { url, engine, Sessions } = await open(db)
    await engine.begin((connection) => connection.execute(sql`create table steps (n integer)`))
    await engine.begin((connection) => connection.execute(sql`insert into steps values (0)`))
    const program = `
      for (let round = 0; round < 12; round++) {
        await runExclusive(Sessions, 'count', async () => {
          const { rows } = await Sessions.begin((session) => session.execute(sql\`select n from steps\`))
          await new Promise((resolve) => setTimeout(resolve, 2))
          await Sessions.begin((session) => session.execute(sql\`update steps set n = \${rows[0].n + 1}\`))
        }, { ifBusy: 'wait' })
      }`
    const programs = [startJob(url, program), startJob(url, program), startJob(url, program)]
    expect(await Promise.all(programs.map(({ ended }) => ended))).toEqual([0, 0, 0])
    const { rows } = await Sessions.begin((session) => session.execute<{ n: number }>(sql`select n from steps`))
    expect(rows).toEqual([{ n: 36 }])
  }, 60_000)
})

onEvery({ needs: ['server'] }, (db) => {
  it('a lock whose connection is killed is told while the work runs, and its success is not reported', async () => {
    const { engine, Sessions } = await open(db)
    const ended: string[] = []
    const work = runExclusive(Sessions, 'job', async ({ signal, check }) => {
      await endLockHolder(engine)
      if (!signal.aborted) await once(signal, 'abort')
      ended.push((await thrownBy(() => check())) instanceof LockLostError ? 'told' : 'hidden')
      return 'done'
    })
    const error = (await thrownBy(() => work)) as LockLostError
    expect(error).toBeInstanceOf(LockLostError)
    expect([error.code, ended]).toEqual(['HEDDLE_LOCK_LOST', ['told']])
    expect(error.message).toMatch(/'job' was lost while its work ran/)
    expect(await runExclusive(Sessions, 'job', () => 'free')).toBe('free')
  })

  it('a lock that is lost just before the work ends is found by the last look', async () => {
    const { engine, Sessions } = await open(db)
    const work = runExclusive(Sessions, 'job', () => endLockHolder(engine))
    expect(await thrownBy(() => work)).toBeInstanceOf(LockLostError)
  })

  it('an error of the work is thrown itself, with the loss of the lock beside it', async () => {
    const { engine, Sessions } = await open(db)
    const failure = new Error('of the work')
    const work = runExclusive(Sessions, 'job', async ({ signal }) => {
      await endLockHolder(engine)
      if (!signal.aborted) await once(signal, 'abort')
      throw failure
    })
    expect(await thrownBy(() => work)).toBe(failure)
    expect(failure).toMatchObject({ suppressed: [expect.any(LockLostError)] })
  })
})

onEvery({ on: ['sqlite', 'better-sqlite3'] }, (db) => {
  it('leaves the lock of each name as a file beside the database, and takes names of any kind', async () => {
    const { url, engine, Sessions } = await open(db)
    const names = ['a/b', 'a:b', '../../etc', 'ä ö', 'x'.repeat(300), '\u0000']
    for (const name of names) expect(await runExclusive(Sessions, name, () => name)).toBe(name)
    const folder = dirname(engine.url.database as string)
    const files = readdirSync(folder).filter((file) => file.includes('-lock-'))
    expect(new Set(files).size).toBe(names.length)
    expect(url).toContain(folder)
  })
})

describe('runExclusive()', () => {
  it('refuses what it cannot work with', async () => {
    const engine = openEngine('sqlite://')
    const Sessions = sessionmaker({ bind: engine })
    const refused = [
      () => runExclusive(engine as never, 'job', () => 0),
      () => runExclusive(undefined as never, 'job', () => 0),
      () => runExclusive(sessionmaker(), 'job', () => 0),
      () => runExclusive(Sessions, '', () => 0),
      () => runExclusive(Sessions, 1 as never, () => 0),
      () => runExclusive(Sessions, 'job', 'work' as never),
      () => runExclusive(Sessions, 'job', () => 0, { ifBusy: 'perhaps' } as never),
      () => runExclusive(Sessions, 'job', () => 0, { ifbusy: 'skip' } as never),
      () => runExclusive(Sessions, 'job', () => 0, { timeout: -1 }),
    ]
    for (const call of refused) expect(await thrownBy(call)).toBeInstanceOf(ArgumentError)
    await using connection = await engine.connect()
    const bound = sessionmaker({ bind: connection })
    const error = (await thrownBy(() => runExclusive(bound, 'job', () => 0))) as Error
    expect(error.message).toMatch(/'bind' is a connection/)
  })
})

/** Has the server end the connection that holds an exclusive lock. */
async function endLockHolder(engine: Engine): Promise<void> {
  const isPostgres = engine.url.dialect === 'postgres'
  await engine.begin(async (connection) => {
    if (isPostgres) {
      await connection.execute(
        sql`select pg_terminate_backend(pid) from pg_locks where locktype = 'advisory' and granted
            and database = (select oid from pg_database where datname = current_database())`,
      )
      return
    }
    const { rows } = await connection.execute<{ id: number }>(
      sql`select id from information_schema.processlist where db = database() and id <> connection_id()`,
    )
    for (const { id } of rows) await connection.execute(sql.raw(`kill ${id}`))
  })
}

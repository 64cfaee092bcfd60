import { expect, it } from 'vitest'
import {
  ConcurrentUseError,
  DisconnectionError,
  type Engine,
  PendingRollbackError,
  PoolTimeoutError,
  type Session,
  SessionClosedError,
  sql,
  UniqueViolationError,
} from '../../src/index.ts'
import { Account, connectionsOut, namesIn, openPeople, Person } from '../behaviour/people.ts'
import { unhandledDuring } from '../behaviour/unhandled.ts'
import { openFaultyPeople } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

const insert = (id: number) => sql`insert into accounts (id, email) values (${id}, ${`${id}@x.org`})`

onEvery({}, (db) => {
  it('A: of a Promise.all with one failing statement nothing is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin((session) =>
        Promise.all([
          session.execute(insert(1)),
          session.execute(insert(1)),
          session.execute(insert(2)),
          session.execute(insert(3)),
        ]),
      )
      await expect(block).rejects.toThrow(UniqueViolationError)
    })
    expect([unhandled, connectionsOut(engine), await accounts(engine)]).toEqual([[], 0, []])
  })

  it('A: of a Promise.all of flushing branches one of which fails nothing is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const unhandled = await unhandledDuring(async () => {
      const branch = async (session: Session, id: number, email: string) => {
        for (let turn = 0; turn < id; turn++) await Promise.resolve()
        session.add(new Account({ id, email }))
        await session.flush()
        await session.query(Account).count()
      }
      const block = Sessions.begin((session) =>
        Promise.all([
          branch(session, 1, 'a'),
          branch(session, 2, 'b'),
          branch(session, 3, 'a'),
          branch(session, 4, 'd'),
        ]),
      )
      await expect(block).rejects.toThrow(UniqueViolationError)
    })
    expect([unhandled, connectionsOut(engine), await accounts(engine)]).toEqual([[], 0, []])
  })

  it('B: of inserts that nobody awaited before the callback threw nothing is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const failure = new Error('of the callback')
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin((session) => {
        for (const id of [1, 2, 3]) void session.execute(insert(id))
        throw failure
      })
      await expect(block).rejects.toBe(failure)
    })
    expect([unhandled, connectionsOut(engine), await accounts(engine)]).toEqual([[], 0, []])
  })

  it('B: of inserts that nobody awaited before the callback returned nothing is stored, and the block says so', async () => {
    const { engine, Sessions } = await openPeople(db)
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin((session) => {
        for (const id of [1, 2, 3]) void session.execute(insert(id))
      })
      await expect(block).rejects.toThrow(ConcurrentUseError)
    })
    expect([unhandled, connectionsOut(engine), await accounts(engine)]).toEqual([[], 0, []])
  })

  it('C: a session used after the end of its block executes nothing, not in autocommit either', async () => {
    const { engine, Sessions, statements } = await openPeople(db)
    let kept: Session | undefined
    await Sessions.begin(async (session) => {
      kept = session
      await session.execute(insert(1))
    })
    statements.clear()
    await expect(kept?.execute(insert(2))).rejects.toThrow(SessionClosedError)
    await expect(kept?.db.deleteFrom('accounts').execute()).rejects.toThrow(SessionClosedError)
    statements.expectCount(0)
    expect([connectionsOut(engine), await accounts(engine)]).toEqual([0, [1]])
  })

  it("C: a connection of a session used after the end executes nothing, nor on the next holder's transaction", async () => {
    const { engine, Sessions } = await openPeople(db)
    const connection = await Sessions.begin((session) => session.connection())
    await Sessions.begin(async (session) => {
      await session.execute(insert(1))
      await expect(connection.execute(insert(2))).rejects.toThrow(/closed/)
    })
    expect(await accounts(engine)).toEqual([1])
  })

  it('D: of two savepoints side by side the one that throws, and is caught, takes nothing of the other with it', async () => {
    const { engine, Sessions } = await openPeople(db)
    for (const [first, second] of [
      [1, 2],
      [4, 3],
    ] as const) {
      await Sessions.begin(async (session) => {
        const nested = (id: number, fails: boolean) =>
          session.beginNested(async () => {
            await session.execute(insert(id))
            await session.query(Account).count()
            if (fails) throw new Error('no')
          })
        const ends = await Promise.allSettled([nested(first, first === 4), nested(second, second === 2)])
        expect(ends.filter(({ status }) => status === 'rejected')).toHaveLength(1)
      })
    }
    expect(await accounts(engine)).toEqual([1, 3])
  })

  it('D: a savepoint that fails while another branch changes the session takes that change with it, so nothing is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const block = Sessions.begin(async (session) => {
      const inside = Promise.withResolvers<void>()
      const changed = Promise.withResolvers<void>()
      const nested = session.beginNested(async () => {
        inside.resolve()
        await changed.promise
        await session.query(Account).count()
        throw new Error('no')
      })
      const other = async () => {
        await inside.promise
        session.add(new Account({ id: 1, email: 'a' }))
        changed.resolve()
        await session.flush()
      }
      const [, end] = await Promise.allSettled([nested, other()])
      expect(end).toHaveProperty('reason.cause', expect.any(ConcurrentUseError))
      expect(end).toHaveProperty('reason', expect.any(PendingRollbackError))
    })
    const error = await block.catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(PendingRollbackError)
    expect((error as Error).message).toMatch(/add\(\) was made by another branch while the body of a savepoint ran/)
    expect([connectionsOut(engine), await accounts(engine)]).toEqual([0, []])
  })

  it('D: what another branch changes while a savepoint that succeeds runs is stored with it', async () => {
    const { engine, Sessions } = await openPeople(db)
    await Sessions.begin(async (session) => {
      const nested = session.beginNested(async () => {
        await session.query(Account).count()
        await session.query(Account).count()
      })
      session.add(new Account({ id: 1, email: 'a' }))
      await Promise.all([nested, session.flush()])
    })
    expect(await accounts(engine)).toEqual([1])
  })

  it('E: a statement whose failure was swallowed: the block succeeds only where its rows are stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    const block = Sessions.begin(async (session) => {
      await session.execute(insert(1))
      await session.execute(insert(1)).catch(() => {})
      return 'reported'
    })
    const end = await block.catch((error: unknown) => error)
    if (end !== 'reported') {
      expect(end).toBeInstanceOf(PendingRollbackError)
      expect((end as Error).cause).toBeInstanceOf(UniqueViolationError)
    }
    expect(await accounts(engine)).toEqual(end === 'reported' ? [1] : [])
    expect(connectionsOut(engine)).toBe(0)
  })

  it('E: a flush whose failure was swallowed lets no block succeed', async () => {
    const { engine, Sessions } = await openPeople(db)
    const block = Sessions.begin(async (session) => {
      session.add(new Account({ id: 1, email: 'a' }))
      await session.flush()
      session.add(new Account({ id: 2, email: 'a' }))
      await session.flush().catch(() => {})
    })
    await expect(block).rejects.toThrow(PendingRollbackError)
    expect([connectionsOut(engine), await accounts(engine)]).toEqual([0, []])
  })

  it('E: a statement that failed and was swallowed inside a savepoint block: that fails, and the rest is stored', async () => {
    const { engine, Sessions } = await openPeople(db)
    let outcome = ''
    await Sessions.begin(async (session) => {
      await session.execute(insert(1))
      outcome = await session
        .beginNested(async () => {
          await session.execute(insert(2))
          await session.execute(insert(2)).catch(() => {})
          return 'kept'
        })
        .catch(() => 'undone')
      await session.execute(insert(3))
    })
    expect(await accounts(engine)).toEqual(outcome === 'kept' ? [1, 2, 3] : [1, 3])
  })

  it('a query inside the loop over a stream of the same session does not wait for ever', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.addAll([1, 2, 3, 4].map((n) => new Person({ name: `p${n}` }))))
    const seen = await Sessions.begin(async (session) => {
      const names: string[] = []
      for await (const person of session.query(Person).orderBy('id').stream({ batch: 2 })) {
        names.push(`${person.name} of ${await session.query(Person).count()}`)
      }
      return names
    })
    expect(seen).toEqual(['p1 of 4', 'p2 of 4', 'p3 of 4', 'p4 of 4'])
  })

  it('autoflush sees what was changed on loaded instances', async () => {
    const { Sessions } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await Sessions.begin(async (session) => {
      const ed = await session.query(Person).one()
      ed.name = 'jack'
      expect(await session.query(Person).where('name', '=', 'jack').one()).toBe(ed)
    })
  })
})

// A database in memory goes with its connection.
onEvery({ needs: ['outlivesConnection'] }, (db) => {
  it('F: when the only connection of the pool is cut during a transaction, the next transaction works', async () => {
    const { engine, faults, Sessions } = await openFaultyPeople(
      db,
      {},
      { pool: { size: 1, maxOverflow: 0, timeout: 5_000 } },
    )
    const block = Sessions.begin(async (session) => {
      session.add(new Person({ name: 'lost' }))
      await session.flush()
      faults.plan(0, 'cut')
      await session.query(Person).all()
    })
    await expect(block).rejects.toThrow(DisconnectionError)
    expect(connectionsOut(engine)).toBe(0)
    await Sessions.begin((session) => session.add(new Person({ name: 'next' })))
    expect(await namesIn(Sessions)).toEqual(['next'])
  })

  it('a listener of checkout that throws leaks no connection', async () => {
    const { engine, Sessions } = await openPeople(db)
    const off = engine.on('checkout', () => {
      throw new Error('of the listener')
    })
    await expect(Sessions.begin((session) => session.query(Person).all())).rejects.toThrow(/of the listener/)
    off()
    expect(connectionsOut(engine)).toBe(0)
    expect(await namesIn(Sessions)).toEqual([])
  })
})

onEvery({ needs: ['server'] }, (db) => {
  it('F: when the server ends the only connection of the pool during a transaction, the next transaction works', async () => {
    const { url, engine, Sessions } = await openFaultyPeople(
      db,
      {},
      { pool: { size: 1, maxOverflow: 0, timeout: 5_000 } },
    )
    const other = openEngine(url)
    const unhandled = await unhandledDuring(async () => {
      const block = Sessions.begin(async (session) => {
        session.add(new Person({ name: 'lost' }))
        await session.flush()
        await endFromOutside(other, await session.connection())
        await session.query(Person).all()
      })
      await expect(block).rejects.toThrow(DisconnectionError)
      expect(connectionsOut(engine)).toBe(0)
      await Sessions.begin((session) => session.add(new Person({ name: 'next' })))
      expect(await namesIn(Sessions)).toEqual(['next'])
    })
    expect(unhandled).toEqual([])
  })
})

onEvery({ needs: ['connections'] }, (db) => {
  it('transactions that each want a second connection of a full pool fail by name instead of waiting for ever', async () => {
    const { engine, Sessions } = await openFaultyPeople(
      db,
      { readOnly: true },
      { pool: { size: 2, maxOverflow: 0, timeout: 200 } },
    )
    const both = Promise.withResolvers<void>()
    let begun = 0
    const ends = await Promise.allSettled(
      [1, 2].map((n) =>
        Sessions.begin(
          async (session) => {
            await session.query(Person).count()
            if (++begun === 2) both.resolve()
            await both.promise
            await Sessions.begin((other) => other.query(Person).count())
          },
          { label: `holder ${n}` },
        ),
      ),
    )
    // Where one has failed, the other may get the connection that comes back.
    const errors = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    expect(errors.length).toBeGreaterThan(0)
    for (const error of errors) {
      expect(error).toBeInstanceOf(PoolTimeoutError)
      expect(error.message).toMatch(/holder \d/)
    }
    expect(engine.pool.status()).toMatchObject({ checkedOut: 0, waiting: 0 })
  })
})

async function accounts(engine: Engine): Promise<number[]> {
  return engine.begin(async (connection) => {
    const { rows } = await connection.execute<{ id: number }>(sql`select id from accounts order by id`)
    return rows.map(({ id }) => id)
  })
}

/** Has the server end a connection, from another one. */
async function endFromOutside(engine: Engine, victim: Awaited<ReturnType<Session['connection']>>): Promise<void> {
  const isPostgres = engine.url.dialect === 'postgres'
  const own = isPostgres
    ? sql<{ id: number }>`select pg_backend_pid() as id`
    : sql<{ id: number }>`select connection_id() as id`
  const { rows } = await victim.execute(own)
  const id = Number(rows[0]?.id)
  await engine.begin((connection) =>
    connection.execute(isPostgres ? sql`select pg_terminate_backend(${id})` : sql.raw(`kill ${id}`)),
  )
}

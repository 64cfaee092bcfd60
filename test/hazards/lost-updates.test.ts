import { expect, it } from 'vitest'
import { StaleDataError } from '../../src/index.ts'
import { connectionsOut } from '../behaviour/people.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { Counter, openCounters, Plain } from './counters.ts'

onEvery({}, (db) => {
  it('without a version the later of two sessions wins, and the update of the other is lost', async () => {
    const { Sessions } = await openCounters(db)
    await Sessions.begin((session) => session.add(new Plain({ id: 1, value: 10 })))
    const [one, other] = [Sessions(), Sessions()]
    const mine = await one.getOne(Plain, 1)
    await one.commit()
    const theirs = await other.getOne(Plain, 1)
    await other.commit()
    mine.value += 1
    theirs.value += 5
    await one.commit()
    await other.commit()
    expect((await Sessions.begin((session) => session.getOne(Plain, 1))).value).toBe(15)
  })

  it('with a version the later of two sessions gets StaleDataError, and may do it again', async () => {
    const { engine, Sessions } = await openCounters(db)
    await Sessions.begin((session) => session.add(new Counter({ id: 1, value: 10 })))
    const [one, other] = [Sessions(), Sessions()]
    const mine = await one.getOne(Counter, 1)
    await one.commit()
    const theirs = await other.getOne(Counter, 1)
    await other.commit()
    mine.value += 1
    theirs.value += 5
    await one.commit()
    const error = (await thrownBy(() => other.commit())) as StaleDataError
    expect(error).toBeInstanceOf(StaleDataError)
    expect(error.identities).toEqual(['Counter#1'])
    await other.rollback()
    expect([theirs.value, theirs.rev]).toEqual([10, 1])
    await other.refresh(theirs)
    theirs.value += 5
    await other.commit()
    expect([theirs.value, theirs.rev, connectionsOut(engine)]).toEqual([16, 3, 0])
  })

  it('with a version a DELETE of what another has changed gets StaleDataError', async () => {
    const { Sessions } = await openCounters(db)
    await Sessions.begin((session) => session.add(new Counter({ id: 1, value: 10 })))
    await using session = Sessions()
    const mine = await session.getOne(Counter, 1)
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Counter, 1)).value = 11
    })
    session.delete(mine)
    await expect(session.commit()).rejects.toThrow(StaleDataError)
    await session.rollback()
    expect(await session.query(Counter).count()).toBe(1)
  })

  it('the version is checked for each row of a batch: one stale row of many stores nothing, and is named', async () => {
    const { Sessions, statements } = await openCounters(db)
    await Sessions.begin((session) =>
      session.addAll(Array.from({ length: 60 }, (_, n) => new Counter({ id: n + 1, value: 0 }))),
    )
    await using session = Sessions()
    const all = await session.query(Counter).orderBy('id').all()
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Counter, 7)).value = 100
      other.delete(await other.getOne(Counter, 33))
    })
    statements.clear()
    for (const counter of all) counter.value += 1
    const error = (await thrownBy(() => session.commit())) as StaleDataError
    expect(error).toBeInstanceOf(StaleDataError)
    expect(error.identities.toSorted()).toEqual(['Counter#33', 'Counter#7'])
    statements.expectAtMost(3)
    await session.rollback()
    expect(all.map(({ value, rev }) => `${value} ${rev}`)).toEqual(all.map(() => '0 1'))
    expect(await Sessions.begin((other) => other.query(Counter).where('value', '=', 1).count())).toBe(0)
  })

  it('of sixty rows in one batch each version is raised once', async () => {
    const { Sessions } = await openCounters(db)
    await using session = Sessions()
    const all = Array.from({ length: 60 }, (_, n) => new Counter({ id: n + 1, value: 0 }))
    session.addAll(all)
    await session.commit()
    for (const counter of all) counter.value += counter.id
    await session.commit()
    expect(new Set(all.map(({ rev }) => rev))).toEqual(new Set([2]))
    const stored = await Sessions.begin((other) => other.query(Counter).orderBy('id').all())
    expect(stored.map(({ value, rev }) => [value, rev])).toEqual(all.map(({ id }) => [id, 2]))
  })

  it('VER-003 after the rollback of a flushed change the version in memory is the old one, and the next update succeeds', async () => {
    const { Sessions } = await openCounters(db)
    await using session = Sessions()
    const counter = new Counter({ id: 1, value: 0 })
    session.add(counter)
    await session.commit()
    counter.value = 1
    await session.flush()
    expect(counter.rev).toBe(2)
    await session.rollback()
    expect([counter.value, counter.rev]).toEqual([0, 1])
    counter.value = 2
    await session.commit()
    expect(counter.rev).toBe(2)
  })
})

onEvery({ needs: ['connections'] }, (db) => {
  it('twenty sessions that each add one to a versioned counter, and try again when stale, lose no update', async () => {
    const { engine, Sessions } = await openCounters(db)
    await Sessions.begin((session) => session.add(new Counter({ id: 1, value: 0 })))
    let stale = 0
    const addOne = async (): Promise<void> => {
      for (;;) {
        await using session = Sessions()
        const counter = await session.getOne(Counter, 1)
        await session.commit()
        counter.value += 1
        try {
          return await session.commit()
        } catch (error) {
          if (!(error instanceof StaleDataError)) throw error
          stale++
        }
      }
    }
    await Promise.all(Array.from({ length: 20 }, addOne))
    const stored = await Sessions.begin((session) => session.getOne(Counter, 1))
    expect([stored.value, stored.rev, connectionsOut(engine)]).toEqual([20, 21, 0])
    expect(stale).toBeGreaterThan(0)
  })
})

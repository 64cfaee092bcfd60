import { expect, it } from 'vitest'
import { LockNotAvailableError } from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { namesIn, openPeople, Person } from './people.ts'

onEvery({}, (db) => {
  /** A session that has loaded a person, whom another session has renamed since. */
  const openRenamed = async () => {
    const { Sessions, statements } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'before' })))
    const session = Sessions()
    const person = await session.getOne(Person, 1)
    await session.commit()
    await Sessions.begin(async (other) => {
      ;(await other.getOne(Person, 1)).name = 'after'
    })
    statements.clear()
    return { Sessions, session, person, statements }
  }

  it('LOCK-002 a locking query keeps what is loaded, unless it populates what exists', async () => {
    const { session, person, statements } = await openRenamed()
    const locked = session.query(Person).where('id', '=', 1).forUpdate()
    expect(await locked.one()).toBe(person)
    expect(person.name).toBe('before')
    expect(await locked.populateExisting().one()).toBe(person)
    expect(person.name).toBe('after')
    statements.expectCount(2)
    await session.close()
  })

  it('LOCK-002 refresh() and get() with a lock read the row again', async () => {
    const ways = ['refresh', 'get'] as const
    for (const way of ways) {
      const { Sessions, session, person, statements } = await openRenamed()
      if (way === 'refresh') await session.refresh(person, undefined, { forUpdate: true })
      else expect(await session.get(Person, 1, { forUpdate: true })).toBe(person)
      expect(person.name).toBe('after')
      statements.expectCount(1)
      person.name += ' and checked'
      await session.commit()
      expect(await namesIn(Sessions)).toEqual(['after and checked'])
    }
  })
})

onEvery({ needs: ['rowLocks', 'writers'] }, (db) => {
  it('LOCK-003 nowait fails at once where the row is locked, and succeeds after rollback() and the commit of the other', async () => {
    const { Sessions, statements } = await openPeople(db)
    await Sessions.begin((session) => session.add(new Person({ name: 'ed' })))
    await using holder = Sessions()
    await using session = Sessions()
    const held = await holder.getOne(Person, 1, { forUpdate: true })
    statements.clear()
    for (const ask of [
      () => session.getOne(Person, 1, { forUpdate: { nowait: true } }),
      () => session.query(Person).where('id', '=', 1).forUpdate({ nowait: true }).one(),
    ]) {
      expect(await thrownBy(ask)).toBeInstanceOf(LockNotAvailableError)
      await session.rollback()
    }
    statements.expectCount(2)
    held.name = 'changed under the lock'
    await holder.commit()
    const mine = await session.getOne(Person, 1, { forUpdate: { nowait: true } })
    expect(mine.name).toBe('changed under the lock')
    mine.name = 'mine'
    await session.commit()
    expect(await namesIn(Sessions)).toEqual(['mine'])
  })
})

import { expect, it } from 'vitest'
import { type Session, sessionmaker, sql } from '../../src/index.ts'
import { connectionsOut, openPeople, Person } from '../behaviour/people.ts'
import { unhandledDuring } from '../behaviour/unhandled.ts'
import { calls as allCalls, outcomeOf } from '../states/session-states.ts'
import { onEvery } from '../support/index.ts'

const ends = ['rollback', 'close', 'reset', 'invalidate']
/** Calls that are over when they return: in memory, or refused because a transaction has begun. */
const atOnce = ['add', 'delete', 'expire', 'expunge', 'afterCommit', 'beginBlock']
/** Calls that are refused beside any other, because they would tear its work in two. */
const alone = ['commit', 'prepare']
const { prepare: _, ...calls } = allCalls

/** What a call that meets another may end in, and nothing else: in particular never in an error of the database or of a driver. */
const told = [
  'ok',
  'ConcurrentUseError',
  'SessionAlreadyFlushingError',
  'SessionClosedError',
  'InvalidRequestError',
  // Of a refresh whose autoflush has deleted the row.
  'ObjectDeletedError',
]

for (const concurrency of ['serialize', 'raise'] as const) {
  // One of the calls invalidates the connection, and a database in memory goes with it.
  onEvery({ needs: ['outlivesConnection'] }, (db) => {
    it(`any call beside any other, with concurrency '${concurrency}': both end, what is stored is what was acknowledged, no connection is out`, async () => {
      const { engine } = await openPeople(db)
      const Sessions = sessionmaker({ bind: engine, concurrency })
      const unhandled = await unhandledDuring(async () => {
        for (const [first, one] of Object.entries(calls)) {
          await engine.begin(({ db: kysely }) => kysely.deleteFrom('people').execute())
          for (const [second, other] of Object.entries(calls)) {
            const pair = `${first} beside ${second}`
            const { session, person, id } = await begun(Sessions())
            const [mine, theirs] = await Promise.all([
              outcomeOf(() => one(session, person)),
              outcomeOf(() => other(session, person)),
            ])
            // A driver that answers within the call has done the first one before the second is called.
            const isUnderWay = db.can('server') && ![...atOnce, ...ends].includes(first)
            expect(told, pair).toContain(mine)
            expect(told, pair).toContain(theirs)
            if (ends.includes(second)) expect(theirs, pair).toBe('ok')
            if (isUnderWay && alone.includes(second)) expect(theirs, pair).toBe('ConcurrentUseError')
            if (isUnderWay && concurrency === 'raise' && ![...atOnce, ...ends].some((each) => each === second)) {
              expect(theirs, pair).toMatch(/ConcurrentUseError|SessionAlreadyFlushingError|InvalidRequestError/)
            }
            const isCommitted = [mine, theirs].some((outcome, i) => outcome === 'ok' && [first, second][i] === 'commit')
            await session.close()
            const stored = await storedNickname(Sessions(), id)
            // Of a commit and a delete at once it is the order that decides.
            if (isCommitted && pair.includes('delete')) continue
            expect(stored, pair).toBe(isCommitted ? 'changed' : null)
          }
        }
      })
      expect([unhandled, connectionsOut(engine)]).toEqual([[], 0])
    }, 120_000)
  })
}

/** A session in a transaction that has sent something, with a stored instance that is changed. */
async function begun(session: Session): Promise<{ session: Session; person: Person; id: number }> {
  const person = new Person({ name: 'ed' })
  session.add(person)
  await session.commit()
  person.nickname = 'changed'
  await session.flush()
  return { session, person, id: person.id }
}

async function storedNickname(session: Session, id: number): Promise<string | null> {
  const { rows } = await session.execute<{ nickname: string | null }>(sql`select nickname from people where id = ${id}`)
  await session.close()
  return rows[0]?.nickname ?? null
}

import { expect, it } from 'vitest'
import { entity, integer, StaleDataError } from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { Address, openFlushes, User } from './flush-entities.ts'

/** What a flush of 1,000 parents and 10,000 children may cost; each database has its own way to send many rows. */
const most = { insert: 22, update: 30, delete: 35 }

/** So wide that a few hundred rows have more values than any database takes parameters. */
const numbers = Array.from({ length: 60 }, (_, i) => `n${i}`)

class Wide extends entity('wide_rows', {
  id: integer().primaryKey(),
  rev: integer().version(),
  ...Object.fromEntries(numbers.map((name) => [name, integer().default(0)])),
}) {}

onEvery({}, (db) => {
  it('rows that have more values than a statement takes parameters go in several, and every row of every one is checked', async () => {
    const { engine, Sessions, statements } = await openFlushes(db, [Wide])
    await using session = Sessions()
    const rows = Array.from({ length: 1_200 }, () => new Wide({}))
    session.addAll(rows)
    await statements.during(() => session.commit())
    statements.expectAtMost(most.insert)
    const parameters = statements.statements.map((statement) => statement.parameters?.length ?? 0)
    expect(Math.max(...parameters)).toBeLessThanOrEqual(engine.dialect.capabilities.maxParameters)
    rows.forEach((row, i) => {
      Object.assign(row, { n0: i, n1: -i, n59: i + 1 })
    })
    await session.commit()
    expect(rows.every(({ rev }) => rev === 2)).toBe(true)
    const last = rows.at(-1) as Wide
    await Sessions.begin(async (other) => {
      Object.assign(await other.getOne(Wide, last.id), { n0: -1 })
    })
    for (const row of rows) Object.assign(row, { n1: -2 })
    const failure = await session.commit().catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StaleDataError)
    expect((failure as StaleDataError).identities).toEqual([`Wide#${last.id}`])
    await session.rollback()
    expect(await session.query(Wide).where('rev', '=', 2).count()).toBe(rows.length - 1)
  }, 60_000)

  it('1,000 new parents with 10,000 children are inserted, updated and deleted in a bounded number of statements', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const users = Array.from({ length: 1_000 }, (_, i) => new User({ name: `u${i}`, addresses: childrenOf(i) }))
    session.addAll(users)
    await statements.during(() => session.flush())
    statements.expectAtMost(most.insert)
    const wrong = await session.execute(
      session.db
        .selectFrom('addresses')
        .innerJoin('users', 'users.id', 'addresses.userId')
        .select(['users.name as owner', 'addresses.email as email']),
    )
    expect(wrong.all().filter((row) => !String(row['email']).startsWith(`${row['owner']}-`))).toEqual([])
    expect(wrong.all().length).toBe(10_000)

    for (const user of users) for (const address of await user.addresses) address.email = `${address.email}!`
    await statements.during(() => session.flush())
    statements.expectAtMost(most.update)
    expect(await session.query(Address).where('email', 'like', '%!').count()).toBe(10_000)

    for (const user of users) {
      for (const address of await user.addresses) session.delete(address)
      session.delete(user)
    }
    await statements.during(() => session.flush())
    statements.expectAtMost(most.delete)
    expect([await session.query(User).count(), await session.query(Address).count()]).toEqual([0, 0])
  }, 60_000)
})

function childrenOf(parent: number): Address[] {
  return Array.from({ length: 10 }, (_, i) => new Address({ email: `u${parent}-${i}` }))
}

import { expect, it } from 'vitest'
import { onEvery } from '../support/index.ts'
import { Address, openFlushes, User } from './flush-entities.ts'

/** What a flush of 1,000 parents and 10,000 children may cost; each database has its own way to send many rows. */
const most = { insert: 22, update: 30, delete: 35 }

onEvery({}, (db) => {
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

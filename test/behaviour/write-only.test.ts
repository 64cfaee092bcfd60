import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  DetachedInstanceError,
  entity,
  integer,
  MappingError,
  manyToMany,
  manyToOne,
  oneToMany,
  selectin,
  sessionmaker,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

/** Has more entries than anybody wants in memory; one that is taken away is deleted. */
class Account extends entity('wo_accounts', {
  id: integer().primaryKey(),
  name: varchar(50),
  get entries() {
    return oneToMany(() => Entry, { backPopulates: 'account', collection: 'writeOnly', cascade: 'all, delete-orphan' })
  },
  get tags() {
    return manyToMany(() => Tag, { through: 'wo_account_tags', collection: 'writeOnly' })
  },
}) {}

class Entry extends entity('wo_entries', {
  id: integer().primaryKey(),
  amount: integer(),
  accountId: integer().nullable().references('wo_accounts.id', { onDelete: 'cascade' }),
  get account() {
    return manyToOne(() => Account, { foreignKey: 'accountId', backPopulates: 'entries' }).nullable()
  },
}) {}

class Tag extends entity('wo_tags', { id: integer().primaryKey(), name: varchar(50) }) {}

async function openAccounts(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Account, Entry, Tag])
  const statements = recordStatements(engine)
  const Sessions = sessionmaker({ bind: engine })
  await Sessions.begin((session) => {
    const entries = [1, 2, 3].map((amount) => new Entry({ amount }))
    session.add(new Account({ name: 'a', entries, tags: [new Tag({ name: 'x' }), new Tag({ name: 'y' })] }))
    session.add(new Account({ name: 'b', entries: [new Entry({ amount: 9 })] }))
  })
  statements.clear()
  return { Sessions, statements }
}

onEvery({}, (db) => {
  it('LOAD-025 a write-only collection is never loaded: iterating it is a TypeError, its query reads what is stored', async () => {
    const { Sessions, statements } = await openAccounts(db)
    await using session = Sessions()
    const account = await session.query(Account).filterBy({ name: 'a' }).one()
    statements.clear()
    expect(() => [...(account.entries as unknown as Iterable<Entry>)]).toThrow(TypeError)
    expect(JSON.stringify(account)).not.toContain('entries')
    statements.expectCount(0)
    const large = await account.entries.query().where('amount', '>', 1).orderBy('amount', 'desc').limit(1).all()
    expect(large.map(({ amount }) => amount)).toEqual([3])
    expect(await account.entries.query().count()).toBe(3)
    expect((await account.tags.query().orderBy('name').all()).map(({ name }) => name)).toEqual(['x', 'y'])
    const amounts: number[] = []
    for await (const entry of account.entries.query().orderBy('id').stream({ batch: 2 })) amounts.push(entry.amount)
    expect(amounts).toEqual([1, 2, 3])
  })

  it('LOAD-025 add and remove load nothing and are written by the flush; an orphan is deleted, a rollback discards both', async () => {
    const { Sessions, statements } = await openAccounts(db)
    await using session = Sessions()
    const account = await session.query(Account).filterBy({ name: 'a' }).one()
    const first = await session.query(Entry).filterBy({ amount: 1 }).one()
    const tag = await account.tags.query().filterBy({ name: 'x' }).one()
    statements.clear()
    account.entries.add(new Entry({ amount: 4 }))
    account.entries.remove(first)
    account.tags.remove(tag)
    statements.expectCount(0)
    await session.flush()
    statements.expectInAnyOrder('insert into wo_entries', 'delete from wo_entries', 'delete from wo_account_tags')
    expect((await account.entries.query().orderBy('amount').all()).map(({ amount }) => amount)).toEqual([2, 3, 4])
    await session.rollback()
    expect(await account.entries.query().count()).toBe(3)
    await session.flush()
    expect(await account.tags.query().count()).toBe(2)
    account.entries.add(new Entry({ amount: 5 }))
    await session.rollback()
    expect(session.new.size).toBe(0)
    expect(await account.entries.query().count()).toBe(3)
  })

  it('LOAD-025 deleting the owner leaves the members to the database, and nothing loads them', async () => {
    const { Sessions, statements } = await openAccounts(db)
    await Sessions.begin(async (session) => {
      const account = await session.query(Account).filterBy({ name: 'a' }).one()
      expect(() => session.query(Account).with('entries')).toThrow(/Account.entries is a write-only collection/)
      expect(() => session.query(Account).options(selectin('entries'))).toThrow(ArgumentError)
      await expect(session.refresh(account, ['entries'])).rejects.toThrow(ArgumentError)
      expect(() => new Account({ name: 'new' }).entries.query()).toThrow(DetachedInstanceError)
      session.delete(account)
      statements.clear()
      await session.flush()
      expect(statements.statements.filter(({ sql }) => sql.startsWith('select'))).toEqual([])
    })
    expect(await Sessions.begin((session) => session.query(Entry).count())).toBe(1)
    expect(() => oneToMany(() => Entry, { collection: 'writeOnly', lazy: 'selectin' })).toThrow(MappingError)
  })
})

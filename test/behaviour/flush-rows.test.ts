import { expect, it } from 'vitest'
import { FlushError, StaleDataError, sql, state } from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { onEvery } from '../support/index.ts'
import { warningsDuring } from '../support-unit/warnings.ts'
import { Cell, Item, Node, openFlushes, User } from './flush-entities.ts'

onEvery({}, (db) => {
  it('UOW-003 self-referential rows with keys of their own and no links go out in the order of add, as one statement', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    session.addAll([
      new Node({ id: 1, name: 'a', parentId: null }),
      new Node({ id: 2, name: 'b', parentId: 1 }),
      new Node({ id: 3, name: 'c', parentId: 2 }),
    ])
    await statements.during(() => session.flush())
    statements.expectExactly('insert into nodes')
    await session.commit()
    const stored = await session.query(Node).orderBy('id').all()
    expect(stored.map(({ id, parentId }) => [id, parentId])).toEqual([
      [1, null],
      [2, 1],
      [3, 2],
    ])
  })

  it('UOW-016 an instance whose key was changed and not flushed is deleted by its stored key', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const item = new Item({ code: 'a' })
    session.addAll([item, new Item({ code: 'b' })])
    await session.commit()
    await session.refresh(item)
    item.code = 'b2'
    session.delete(item)
    await session.commit()
    expect((await session.query(Item).all()).map(({ code }) => code)).toEqual(['b'])
  })

  it('UOW-018 a key that is set on an expired instance is written to the row of the stored key', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const item = new Item({ code: 'a', label: 'kept' })
    session.add(item)
    await session.commit()
    session.expire(item)
    item.code = 'b'
    await statements.during(() => session.commit())
    statements.expectExactly('update items set code')
    const found = await session.query(Item).one()
    expect(found).toBe(item)
    expect([found.code, found.label]).toEqual(['b', 'kept'])
  })

  it('UOW-019 instances that chain their keys end up under the new ones, whatever order they were changed in', async () => {
    for (const order of ['forth', 'back'] as const) {
      const { Sessions } = await openFlushes(db)
      await using session = Sessions()
      const items = ['a', 'b', 'c'].map((code) => new Item({ code, label: code }))
      session.addAll(items)
      await session.flush()
      const steps = [
        () => Object.assign(items[0] as Item, { code: 'b' }),
        () => Object.assign(items[1] as Item, { code: 'c' }),
        () => Object.assign(items[2] as Item, { code: 'd' }),
      ]
      for (const step of order === 'forth' ? steps : steps.toReversed()) step()
      await session.flush()
      for (const [i, code] of ['b', 'c', 'd'].entries()) expect(await session.get(Item, code)).toBe(items[i])
      await session.commit()
      const stored = await session.query(Item).orderBy('code').all()
      expect(stored.map(({ code, label }) => `${code}:${label}`)).toEqual(['b:a', 'c:b', 'd:c'])
    }
  })

  it('UOW-019 UOW-020 two instances swap their keys in a savepoint, and a rollback gives both back', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const [first, second] = [new Item({ code: 'a', label: 'first' }), new Item({ code: 'b', label: 'second' })]
    session.addAll([first, second])
    await session.commit()
    await session.refresh(first)
    await session.refresh(second)
    await session.beginNested(async () => {
      first.code = 'b'
      second.code = 'a'
      await session.flush()
      expect([await session.get(Item, 'b'), await session.get(Item, 'a')]).toEqual([first, second])
      expect(await session.query(Item).where('label', '=', 'first').one()).toBe(first)
    })
    expect([first.code, second.code]).toEqual(['b', 'a'])
    await session.rollback()
    expect([await session.get(Item, 'a'), await session.get(Item, 'b')]).toEqual([first, second])
    expect([first.label, second.label]).toEqual(['first', 'second'])
  })

  it('UOW-023 a key that is partly null is refused by UPDATE and INSERT, and nothing is refused where nothing changes', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const cell = new Cell({ row: 1, column: 2, text: 'x' })
    session.add(cell)
    await session.commit()
    await session.refresh(cell)
    Object.assign(cell, { column: null })
    const refused = await thrownBy(() => session.flush())
    expect(refused).toBeInstanceOf(FlushError)
    expect((refused as Error).message).toMatch(/Cell#1,2: its key column was set to null/)
    await session.rollback()
    session.add(Object.assign(new Cell({ row: 1, column: 5 }), { row: null, column: null }))
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(FlushError)
    await session.rollback()
    await statements.during(() => session.flush())
    statements.expectCount(0)
    expect(await session.query(Cell).count()).toBe(1)
  })

  it('UOW-024 UOW-025 an UPDATE of a row that is gone fails and names it, alone and in a batch; a DELETE only warns', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const cells = [1, 2, 3, 4].map((row) => new Cell({ row, column: 0, text: 'x' }))
    session.addAll(cells)
    await session.commit()
    for (const cell of cells) await session.refresh(cell)
    const remove = (row: number) => session.execute(session.db.deleteFrom('cells').where('row', '=', row))
    await remove(2)
    for (const cell of cells.slice(0, 3)) cell.text = 'y'
    const stale = await thrownBy(() => session.flush())
    expect(stale).toBeInstanceOf(StaleDataError)
    expect((stale as StaleDataError).identities).toEqual(['Cell#2,0'])
    await session.rollback()
    for (const cell of cells) await session.refresh(cell)
    await remove(4)
    ;(cells[3] as Cell).text = 'y'
    expect(await thrownBy(() => session.flush())).toBeInstanceOf(StaleDataError)
    await session.rollback()
    for (const cell of cells) await session.refresh(cell)
    await remove(3)
    for (const cell of cells) session.delete(cell)
    const warnings = await warningsDuring(() => session.flush())
    expect(warnings.map(({ code }) => code)).toEqual(['HEDDLE_DELETE_MISSED'])
    expect(warnings[0]?.message).toContain('Cell#3,0')
    expect(await session.query(Cell).count()).toBe(0)
  })

  it('UOW-026 an INSERT takes consecutive rows of one shape, in the order of add; an expression stands alone', async () => {
    const { Sessions } = await openFlushes(db)
    await using session = Sessions()
    const rows: [string, object][] = [
      ['a', {}],
      ['b', {}],
      ['c', { state: 'given' }],
      ['d', {}],
      ['e', { label: sql`upper('loud')` }],
      ['f', {}],
    ]
    for (const [code, more] of rows) session.add(new Item({ code, label: code, ...more }))
    expect(
      session
        .explainFlush()
        .split('\n')
        .map((line) => /(\d) row/.exec(line)?.[1]),
    ).toEqual(['2', '1', '1', '1', '1'])
    await session.commit()
    const stored = await session.query(Item).orderBy('code').all()
    expect(stored.map(({ label, state }) => `${label} ${state}`)).toEqual([
      'a fresh',
      'b fresh',
      'c given',
      'd fresh',
      'LOUD fresh',
      'f fresh',
    ])
  })

  it('UOW-028 an expression goes into the UPDATE, and its value is read afterwards', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const item = new Item({ code: 'a', stock: 3 })
    session.add(item)
    await session.flush()
    Object.assign(item, { stock: sql`stock + 4` })
    await statements.during(() => session.flush())
    statements.expectExactly(/^update items set stock = stock \+ 4 where/)
    expect(state(item).unloaded).toEqual(['stock'])
    await statements.during(() => session.refresh(item, ['stock']))
    statements.expectCount(1)
    expect(item.stock).toBe(7)
  })

  it('UOW-029 defaults of the program and of the database are there after the flush, for every row of a batch', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const items = ['a', 'b', 'c'].map((code) => new Item({ code }))
    session.addAll(items)
    await session.flush()
    statements.clear()
    expect(items.map(({ stock, state }) => [stock, state])).toEqual(items.map(() => [7, 'fresh']))
    statements.expectCount(0)
    expect([...session.dirty]).toEqual([])
  })

  it('many rows with different values are updated, and deleted, in a bounded number of statements', async () => {
    const { Sessions, statements } = await openFlushes(db)
    await using session = Sessions()
    const users = Array.from({ length: 2_500 }, (_, i) => new User({ name: `n${i}` }))
    session.addAll(users)
    await session.flush()
    for (const [i, user] of users.entries()) user.name = `m${i}`
    await statements.during(() => session.flush())
    statements.expectAtMost(5)
    const names = await session.execute(session.db.selectFrom('users').select('name').orderBy('id'))
    expect(names.all().map((row) => row['name'])).toEqual(users.map((_, i) => `m${i}`))
    for (const user of users) session.delete(user)
    const flushed = await statements.during(async () => {
      session.expireAll()
      await session.flush()
    })
    expect(flushed).toBeUndefined()
    statements.expectAtMost(9)
    expect(await session.query(User).count()).toBe(0)
  })
})

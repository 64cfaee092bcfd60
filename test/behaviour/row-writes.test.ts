import { expect, it } from 'vitest'
import {
  ArgumentError,
  createAll,
  entity,
  integer,
  StaleDataError,
  sessionmaker,
  state,
  text,
  timestamp,
  UniqueViolationError,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

const changed = new Date(Date.UTC(2026, 4, 6, 7, 8, 9))

class Visit extends entity('row_visits', {
  id: integer().primaryKey(),
  rev: integer().version(),
  page: varchar(40).unique(),
  hits: integer().default(1),
  note: text().nullable(),
  changedAt: timestamp()
    .nullable()
    .onUpdate(() => changed),
}) {}

onEvery({}, (db) => {
  async function open() {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Visit])
    const statements = recordStatements(engine)
    const Sessions = sessionmaker({ bind: engine })
    return { Sessions, statements, session: Sessions() }
  }
  const pages = (visits: readonly Visit[]) => visits.map(({ page, hits, rev }) => [page, hits, rev])

  it('insert() writes plain rows with the defaults of instances, and makes none of them', async () => {
    const { session, statements } = await open()
    await using _ = session
    statements.clear()
    const rows = Array.from({ length: 300 }, (_, n) => ({ page: `/${n}`, ...(n % 2 === 0 ? { hits: n } : {}) }))
    expect(await session.insert(Visit, rows)).toBe(300)
    statements.expectAtMost(2)
    expect([...session]).toEqual([])
    expect(pages(await session.query(Visit).where('page', 'in', ['/2', '/3']).orderBy('page').all())).toEqual([
      ['/2', 2, 1],
      ['/3', 1, 1],
    ])
    expect(await session.insert(Visit, [])).toBe(0)
  })

  it('insert() gives instances where they are wanted, in the order of the rows', async () => {
    const { session } = await open()
    await using _ = session
    const visits = await session.insert(Visit, [{ page: '/b', hits: 2 }, { page: '/a' }, { page: '/c', note: 'x' }], {
      returning: true,
    })
    expect(visits.map(({ page, hits, note }) => [page, hits, note])).toEqual([
      ['/b', 2, null],
      ['/a', 1, null],
      ['/c', 1, 'x'],
    ])
    expect(new Set(visits.map(({ id }) => id)).size).toBe(3)
    expect(state(visits[0] as Visit).persistent).toBe(true)
    expect(await session.query(Visit).where('page', '=', '/a').one()).toBe(visits[1])
    await expect(session.insert(Visit, [{ page: '/a' }])).rejects.toThrow(UniqueViolationError)
  })

  it('update() writes rows by their keys, and instances agree', async () => {
    const { session } = await open()
    await using _ = session
    const [a, b, c] = await session.insert(Visit, [{ page: '/a' }, { page: '/b' }, { page: '/c' }], { returning: true })
    if (a === undefined || b === undefined || c === undefined) throw new Error('no visits')
    expect(
      await session.update(Visit, [
        { id: a.id, hits: 5, rev: 1 },
        { id: b.id, hits: 6, rev: 1 },
        { id: c.id, note: 'c' },
      ]),
    ).toBe(3)
    expect(pages([a, b])).toEqual([
      ['/a', 5, 2],
      ['/b', 6, 2],
    ])
    expect([a.changedAt, c.note]).toEqual([changed, 'c'])
    await session.refresh(c)
    expect(pages([c])).toEqual([['/c', 1, 2]])
    await expect(session.update(Visit, [{ id: a.id, hits: 7, rev: 1 }])).rejects.toThrow(StaleDataError)
    await expect(session.update(Visit, [{ id: 999, hits: 7 }])).rejects.toThrow('1 of them')
    await expect(session.update(Visit, [{ hits: 7 }])).rejects.toThrow('a row has no id')
  })

  it('upsert() inserts rows, and changes those that are there; versions count on, instances agree', async () => {
    const { session } = await open()
    await using _ = session
    const [a] = await session.insert(Visit, [{ page: '/a', note: 'old' }], { returning: true })
    await session.upsert(
      Visit,
      [
        { page: '/a', hits: 7 },
        { page: '/b', hits: 8 },
      ],
      { on: ['page'] },
    )
    expect(pages([a as Visit])).toEqual([['/a', 7, 2]])
    expect([a?.note, a?.changedAt]).toEqual(['old', changed])
    expect(pages(await session.query(Visit).orderBy('page').all())).toEqual([
      ['/a', 7, 2],
      ['/b', 8, 1],
    ])
  })

  it('upsert() sets what it is told: chosen properties, values and expressions', async () => {
    const { session } = await open()
    await using _ = session
    await session.insert(Visit, [{ page: '/a', hits: 3, note: 'old' }])
    await session.upsert(Visit, [{ page: '/a', hits: 9, note: 'new' }], { on: ['page'], set: ['note'] })
    await session.upsert(Visit, [{ page: '/a' }], { on: ['page'], set: { hits: (eb) => eb('hits', '+', 1) } })
    await session.upsert(Visit, [{ page: '/a' }], { on: ['page'], set: { note: 'both' } })
    const visit = await session.query(Visit).one()
    expect([visit.hits, visit.note, visit.rev]).toEqual([4, 'both', 4])
  })

  it('upsert() gives instances in the order of the rows, those that it left alone included', async () => {
    const { session, statements } = await open()
    await using _ = session
    await session.insert(Visit, [{ page: '/a', hits: 3 }])
    statements.clear()
    const rows = [
      { page: '/c', hits: 1 },
      { page: '/a', hits: 9 },
      { page: '/b', hits: 2 },
    ]
    const visits = await session.upsert(Visit, rows, { on: ['page'], ignore: true, returning: true })
    expect(pages(visits)).toEqual([
      ['/c', 1, 1],
      ['/a', 3, 1],
      ['/b', 2, 1],
    ])
    statements.expectCount(2)
    expect(await session.upsert(Visit, [], { on: ['page'], returning: true })).toEqual([])
  })

  it('upsert() by key, under a condition, and what it refuses', async () => {
    const { session } = await open()
    await using _ = session
    await session.insert(Visit, [{ id: 1, page: '/a', hits: 3 }])
    await session.upsert(Visit, [{ id: 1, page: '/z', hits: 4 }])
    expect(pages(await session.query(Visit).all())).toEqual([['/z', 4, 2]])
    const only = session.upsert(Visit, [{ id: 1, page: '/y', hits: 5 }], { where: (eb) => eb('hits', '<', 4) })
    if (db.name === 'mariadb' || db.name === 'mysql') await expect(only).rejects.toThrow(ArgumentError)
    else {
      await only
      expect(pages(await session.query(Visit).all())).toEqual([['/z', 4, 2]])
    }
    await expect(session.upsert(Visit, [{ hits: 5 }], { on: ['page'] })).rejects.toThrow('a row has no page')
    await expect(session.upsert(Visit, [{ page: '/a' }], { on: ['pge' as 'page'] })).rejects.toThrow(
      "Did you mean 'page'",
    )
    await expect(session.upsert(Visit, [{ page: '/a' }], { on: ['page'] })).rejects.toThrow('{ ignore: true }')
    expect(() => session.upsert(Visit, [{ pag: '/a' } as never])).toThrow("Did you mean 'page'")
    expect(() => session.insert(Visit, [{ page: 5 } as never])).toThrow(ArgumentError)
    expect(() => session.insert(Visit, 'rows' as never)).toThrow('an array of rows')
  })
})

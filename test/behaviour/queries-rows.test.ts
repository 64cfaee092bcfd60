import { expect, it } from 'vitest'
import {
  ArgumentError,
  bigint,
  boolean,
  createAll,
  decimal,
  entity,
  integer,
  json,
  NoResultError,
  real,
  sessionmaker,
  sql,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'
import { Author, Book, fill, openLibrary } from './library.ts'

class Sale extends entity('row_sales', {
  id: integer().primaryKey(),
  shop: varchar(20),
  pieces: integer(),
  amount: decimal(12, 2),
  distance: bigint(),
  weight: real().nullable(),
  soldAt: timestamp(),
  isGift: boolean(),
  tags: json<string[]>(),
}) {}

const noon = (day: number) => new Date(Date.UTC(2026, 0, day, 12))

onEvery({}, (db) => {
  async function openSales() {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Sale])
    const Sessions = sessionmaker({ bind: engine })
    const session = Sessions()
    const base = { distance: 9_007_199_254_740_993n, weight: null, isGift: true, tags: ['a'] }
    session.addAll([
      new Sale({ ...base, id: 1, shop: 'north', pieces: 3, amount: '10.10', soldAt: noon(1), weight: 1.5 }),
      new Sale({ ...base, id: 2, shop: 'north', pieces: 4, amount: '0.20', soldAt: noon(2), weight: 2.5 }),
      new Sale({ ...base, id: 3, shop: 'south', pieces: 5, amount: '7.00', soldAt: noon(3), isGift: false, tags: [] }),
    ])
    await session.flush()
    return session
  }

  it('a selection of properties gives plain rows with the values of their columns', async () => {
    await using session = await openSales()
    const rows = await session
      .query(Sale)
      .select('id', 'soldAt', 'isGift', 'tags', 'distance', 'amount')
      .orderBy('id')
      .all()
    expect(rows[2]).toEqual({
      id: 3,
      soldAt: noon(3),
      isGift: false,
      tags: [],
      distance: 9_007_199_254_740_993n,
      amount: '7.00',
    })
    expect(Object.getPrototypeOf(rows[0])).toBe(Object.prototype)
    const renamed = await session.query(Sale).select({ key: 'id', where: 'row_sales.shop' }).where('id', '=', 1).one()
    expect(renamed).toEqual({ key: 1, where: 'north' })
  })

  it('aggregates have one type on every database', async () => {
    await using session = await openSales()
    const totals = session.query(Sale).select(({ count, countDistinct, sum, avg, min, max }) => ({
      rows: count(),
      weighed: count('weight'),
      shops: countDistinct('shop'),
      pieces: sum('pieces'),
      amount: sum('amount'),
      distance: sum('distance'),
      weight: sum('weight'),
      mean: avg('pieces'),
      first: min('soldAt'),
      last: max('soldAt'),
      farthest: max('distance'),
    }))
    expect(await totals.one()).toEqual({
      rows: 3,
      weighed: 2,
      shops: 2,
      pieces: 12,
      amount: '17.30',
      distance: 27_021_597_764_222_979n,
      weight: 4,
      mean: 4,
      first: noon(1),
      last: noon(3),
      farthest: 9_007_199_254_740_993n,
    })
  })

  it('an aggregate over nothing is null, and a count 0', async () => {
    await using session = await openSales()
    const none = session.query(Sale).where('id', '>', 99)
    const totals = none.select(({ count, sum, max }) => ({ rows: count(), amount: sum('amount'), last: max('soldAt') }))
    expect(await totals.all()).toEqual([{ rows: 0, amount: null, last: null }])
    expect(await totals.count()).toBe(1)
    expect(await totals.exists()).toBe(true)
  })

  it('groups, conditions on groups, and an order by what is selected', async () => {
    await using session = await openSales()
    const perShop = session
      .query(Sale)
      .select(({ count, sum }) => ({ shop: 'shop', sales: count(), pieces: sum('pieces') }))
      .groupBy('shop')
    expect(await perShop.orderBy('sales', 'desc').all()).toEqual([
      { shop: 'north', sales: 2, pieces: 7 },
      { shop: 'south', sales: 1, pieces: 5 },
    ])
    expect(await perShop.count()).toBe(2)
    const busy = perShop.having((eb) => eb.fn.countAll(), '>', 1)
    expect(await busy.all()).toEqual([{ shop: 'north', sales: 2, pieces: 7 }])
    expect(await busy.where('id', '!=', 1).exists()).toBe(false)
    expect(await perShop.orderBy('shop').limit(1).offset(1).scalars()).toEqual(['south'])
    expect(await perShop.orderBy('shop').scalar()).toBe('north')
    expect(await session.query(Sale).select('shop').distinct().orderBy('shop').scalars()).toEqual(['north', 'south'])
  })

  it('expressions of Kysely and raw SQL stand beside properties', async () => {
    await using session = await openSales()
    const rows = session.query(Sale).select(({ eb }) => ({
      id: 'id',
      loud: sql<string>`upper(shop)`,
      twice: eb('pieces', '*', 2),
      when: eb.ref('soldAt'),
      known: eb.fn.coalesce('weight', sql<number>`0`),
    }))
    expect(await rows.where('id', '=', 3).one()).toMatchObject({ id: 3, loud: 'SOUTH', when: noon(3), known: 0 })
    expect(Number((await rows.where('id', '=', 3).one()).twice)).toBe(10)
  })

  it('instances stand beside other columns, and are those of the session', async () => {
    const library = await openLibrary(db)
    await fill(library, 2)
    await using session = library.Sessions()
    session.add(new Author({ name: 'zoe' }))
    const authors = await session.query(Author).orderBy('name').all()
    const rows = session
      .query(Author)
      .leftJoin('books')
      .select(({ entity }) => ({ author: entity(), book: entity('books'), title: 'books.title' }))
      .orderBy('name')
      .orderBy('books.title')
    const found = await rows.all()
    expect(found.map(({ author }) => author)).toEqual([0, 0, 1, 1, 2].map((i) => authors[i]))
    expect(found.map(({ book }) => book?.title ?? null)).toEqual(['t0.0', 't0.1', 't1.0', 't1.1', null])
    expect(found.map(({ title }) => title)).toEqual(['t0.0', 't0.1', 't1.0', 't1.1', null])
    expect(found[0]?.book).toBe(await session.query(Book).where('title', '=', 't0.0').one())
    expect(await rows.count()).toBe(5)
    const counted = session
      .query(Author)
      .leftJoin('books')
      .select(({ count }) => ({ name: 'name', books: count('books.id') }))
      .groupBy('id', 'name')
    expect(await counted.orderBy('name').all()).toEqual([
      { name: 'a0', books: 2 },
      { name: 'a1', books: 2 },
      { name: 'zoe', books: 0 },
    ])
  })

  it('pages by number tell where they stand', async () => {
    const library = await openLibrary(db)
    await fill(library, 5)
    await using session = library.Sessions()
    const books = session.query(Book).orderBy('title')
    const page = await books.paginate({ page: 2, perPage: 3 })
    expect(page.items.map(({ title }) => title)).toEqual(['t1.1', 't2.0', 't2.1'])
    expect([page.total, page.pages, page.first, page.last]).toEqual([10, 4, 4, 6])
    expect([page.hasPrev, page.hasNext, page.prevNum, page.nextNum]).toEqual([true, true, 1, 3])
    const last = await (await page.next()).next()
    expect([last.page, last.items.length, last.hasNext, last.nextNum]).toEqual([4, 1, false, null])
    await expect(last.next()).rejects.toThrow(NoResultError)
    await expect(books.paginate({ page: 9 })).rejects.toThrow('beyond the last one')
    expect((await books.paginate({ page: 9, errorOut: false })).items).toEqual([])
    expect((await books.paginate({ perPage: 500, maxPerPage: 4 })).perPage).toBe(4)
    expect([(await books.paginate({ count: false })).total]).toEqual([undefined])
    expect(() => books.paginate({ page: 0 })).toThrow(ArgumentError)
    const many = await books.paginate({ page: 5, perPage: 1 })
    expect([...many.iterPages({ leftEdge: 1, leftCurrent: 1, rightCurrent: 1, rightEdge: 1 })]).toEqual([
      1,
      null,
      4,
      5,
      6,
      null,
      10,
    ])
  })

  it('pages by cursor follow the order of several keys, whatever comes and goes', async () => {
    await using session = await openSales()
    const query = session.query(Sale).orderBy('shop', 'desc').orderBy('soldAt')
    const seen: number[] = []
    let cursor: string | null = null
    do {
      const page: Awaited<ReturnType<typeof query.page>> = await query.page({ size: 1, after: cursor })
      seen.push(...page.items.map(({ id }) => id))
      cursor = page.next
      if (seen.length === 1) {
        await session.query(Sale).where('id', '=', 3).count()
        session.delete(await session.getOne(Sale, 3))
      }
    } while (cursor !== null)
    expect(seen).toEqual([3, 1, 2])
    const { next } = await query.page({ size: 1 })
    await expect(session.query(Sale).orderBy('id').page({ after: next })).rejects.toThrow('another order')
    await expect(query.page({ after: 'nonsense' })).rejects.toThrow('a cursor that a page gave')
    await expect(session.query(Sale).orderBy('weight').page()).rejects.toThrow('weight may be null')
    const far = await session.query(Sale).orderBy('distance').page({ size: 1 })
    const rest = await session.query(Sale).orderBy('distance').page({ after: far.next })
    expect(rest.items.length + far.items.length).toBe(2)
  })

  it('what cannot be selected is refused', async () => {
    await using session = await openSales()
    const query = session.query(Sale)
    expect(() => query.select('shpo' as 'shop')).toThrow("Did you mean 'shop'")
    expect(() => query.select({ x: 5 as never })).toThrow('takes a property or an expression')
    expect(() => query.select('id', 'row_sales.id')).toThrow('one name')
    expect(() => query.select('other.id' as 'id')).toThrow('a name that the query does not know')
    expect(() => query.select({})).toThrow('at least one')
    expect(() => query.modify((qb) => qb).select('id')).toThrow('before modify')
    expect(() => query.select(({ entity }) => ({ x: entity('nope' as never) }))).toThrow('has joined: none')
  })
})

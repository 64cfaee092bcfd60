import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ArgumentError, MultipleResultsError, NoResultError } from '../../src/errors.ts'
import { onEvery } from '../support/index.ts'
import { Item } from './samples.ts'
import { ConnectedTarget } from './targets.ts'

const uuids = [
  '0b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c11',
  '1b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c12',
  '2b5f8f9e-6d3c-4a55-9d52-0f5f8d0a7c13',
]

/** Three rows that differ in every column but the last ones. */
const rows = [0, 1, 2].map((n) => ({
  id: n + 1,
  name: ['Ann', 'bob', 'O\'Hara \\ "x"'][n] as string,
  shortName: [null, 'b', 'c'][n] as string | null,
  isActive: n !== 1,
  size: 9_007_199_254_740_993n + BigInt(n),
  weight: n + 0.5,
  price: ['1.50', '20.00', '3.25'][n] as string,
  createdAt: new Date(Date.UTC(2026, 0, n + 1, 12, 30, 15, 250)),
  day: `2026-01-0${n + 1}`,
  token: uuids[n] as string,
  content: new Uint8Array([n, 255, 0]),
  kind: n === 2 ? ('game' as const) : ('book' as const),
  settings: n === 0 ? null : { theme: `t${n}` },
  tags: ['all', `n${n}`],
  ownerId: n === 2 ? null : 1,
}))
const [ann, bob, hara] = rows as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0]]

onEvery({}, (db) => {
  let target: ConnectedTarget
  const items = () => target.query(Item)
  const idsOf = async (query: { all(): Promise<Item[]> }) => (await query.all()).map((item) => item.id).toSorted()

  beforeAll(async () => {
    target = await ConnectedTarget.open(db.url)
    await target.createTable(Item)
    await target.insert(Item, rows)
  })
  afterAll(() => target.connection.close())
  beforeEach(() => void target.texts())

  describe('all()', () => {
    it('gives every row with all its values, in the order that was asked for', async () => {
      expect(await items().orderBy('id').all()).toEqual(rows)
      expect(await items().orderBy('id', 'desc').all()).toEqual(rows.toReversed())
    })

    it('reads arrays in model order, typed, and integers as bigint only where a column needs it', async () => {
      await items().all()
      const [asked] = target.asked.splice(0)
      expect(asked).toMatchObject({ label: 'query(Item).all()', statement: { rows: 'array', typed: true, wide: true } })
      expect(asked?.select?.columns).toBe(asked?.select?.model.columns)
    })
  })

  describe('a comparison', () => {
    it.each(Object.keys(rows[1] as object).filter((property) => property !== 'settings'))(
      'finds the row by %s',
      async (property) => {
        const value = (bob as Record<string, unknown>)[property]
        const same = rows.filter(
          (row) => JSON.stringify([(row as Record<string, unknown>)[property]], text) === JSON.stringify([value], text),
        )
        const ids = same.map((row) => row.id)
        const [name, found] = [property as 'id', value as number]
        expect(await idsOf(items().where(name, '=', found))).toEqual(ids)
        expect(await idsOf(items().where(name, 'in', [found]))).toEqual(ids)
        expect(
          await idsOf(items().where((eb) => eb.or([eb(name, '=', found), eb(name, 'in', [found, found])]))),
        ).toEqual(ids)
        expect(
          await idsOf(items().where((eb) => eb.and([eb(eb.val(-1), '<', 0), eb.not(eb(name, '!=', found))]))),
        ).toEqual(ids)
        expect(await idsOf(items().filterBy({ [property]: value }))).toEqual(ids)
        const others = rows
          .filter((row) => !ids.includes(row.id) && (row as Record<string, unknown>)[property] !== null)
          .map((row) => row.id)
        expect(await idsOf(items().where(name, '!=', found))).toEqual(others)
        expect(await idsOf(items().where(name, 'not in', [found]))).toEqual(others)
      },
    )

    it.each(['id', 'size', 'weight', 'price', 'createdAt', 'day'] as const)(
      'orders and bounds by %s',
      async (property) => {
        const sorted = rows.toSorted(
          (one, other) =>
            (Number(one[property]) || Date.parse(String(one[property]))) -
            (Number(other[property]) || Date.parse(String(other[property]))),
        )
        const [low, middle, high] = sorted as [(typeof rows)[0], (typeof rows)[0], (typeof rows)[0]]
        const name = property as 'id'
        expect((await items().orderBy(property).all()).map((item) => item.id)).toEqual(sorted.map((row) => row.id))
        expect(await idsOf(items().where(name, '<', middle[name]))).toEqual([low.id])
        expect(await idsOf(items().where(name, '>', middle[name]))).toEqual([high.id])
        expect(await idsOf(items().where((eb) => eb.between(name, middle[name], middle[name])))).toEqual([middle.id])
      },
    )

    it('finds a null by null, in every form, and never by a value', async () => {
      expect(await idsOf(items().where('shortName', '=', null))).toEqual([1])
      expect(await idsOf(items().where('shortName', 'is', null))).toEqual([1])
      expect(await idsOf(items().filterBy({ shortName: null }))).toEqual([1])
      expect(await idsOf(items().where('shortName', '!=', null))).toEqual([2, 3])
      expect(await idsOf(items().where('shortName', 'in', ['b', null]))).toEqual([2])
      expect(
        await idsOf(items().where((eb) => eb.or([eb('shortName', '=', null), eb('shortName', '=', 'c')]))),
      ).toEqual([1, 3])
    })

    it('with an empty list gives nothing, and without it everything', async () => {
      expect(await items().where('id', 'in', []).all()).toEqual([])
      expect(await items().where('id', 'not in', []).count()).toBe(3)
    })

    it('takes lists of many values', async () => {
      const many = Array.from({ length: 1000 }, (_, index) => index + 2)
      expect(await idsOf(items().where('id', 'in', many))).toEqual([2, 3])
      expect(await idsOf(items().where('id', 'not in', many))).toEqual([1])
    })

    it('takes patterns, literals, two columns and raw text', async () => {
      expect(await idsOf(items().where('name', 'like', '%o%'))).toContain(2)
      expect(await idsOf(items().where('isActive', 'is', true))).toEqual([1, 3])
      expect(await idsOf(items().where('isActive', 'is not', true))).toEqual([2])
      expect(await idsOf(items().whereRef('id', '=', 'ownerId'))).toEqual([1])
      expect(await idsOf(items().where(sql<boolean>`id = ${1} or id = ${2}`).where('name', '=', 'bob'))).toEqual([2])
      expect(await idsOf(items().where((eb) => eb.fn<string>('upper', ['name']), '=', 'BOB'))).toEqual([2])
      expect(
        await idsOf(
          items().where((eb) => eb(eb.refTuple('id', 'isActive'), 'in', [eb.tuple(1, true), eb.tuple(2, true)])),
        ),
      ).toEqual([1])
    })

    it('takes subqueries, over its own table and over others', async () => {
      const twins = items().where((eb) =>
        eb.exists(
          eb
            .selectFrom('stockItems as twin')
            .select('twin.id')
            .whereRef('twin.kind', '=', 'stockItems.kind')
            .whereRef('twin.id', '!=', 'stockItems.id'),
        ),
      )
      expect(await idsOf(twins)).toEqual([1, 2])
      expect(
        await idsOf(
          items().where('id', 'in', (eb) =>
            eb.selectFrom('stockItems').select('ownerId').where('ownerId', 'is not', null),
          ),
        ),
      ).toEqual([1])
    })
  })

  describe('the extent', () => {
    it('limits and leaves out, each alone and both together', async () => {
      const ordered = items().orderBy('id')
      expect((await ordered.limit(2).all()).map((item) => item.id)).toEqual([1, 2])
      expect((await ordered.offset(1).all()).map((item) => item.id)).toEqual([2, 3])
      expect((await ordered.limit(1).offset(1).all()).map((item) => item.id)).toEqual([2])
      expect(await ordered.limit(0).all()).toEqual([])
    })

    it('places nulls where it is told', async () => {
      const order = async (nulls: 'first' | 'last', direction: 'asc' | 'desc') =>
        (await items().orderBy('shortName', { nulls, direction }).all()).map((item) => item.id)
      expect(await order('first', 'asc')).toEqual([1, 2, 3])
      expect(await order('first', 'desc')).toEqual([1, 3, 2])
      expect(await order('last', 'asc')).toEqual([2, 3, 1])
      expect(await order('last', 'desc')).toEqual([3, 2, 1])
    })
  })

  describe('the ends', () => {
    it('first() reads one row, or gives null', async () => {
      expect(await items().orderBy('id').first()).toEqual(ann)
      expect(target.asked.splice(0)[0]?.statement.parameters).toEqual([1])
      expect(await items().where('id', '=', 99).first()).toBeNull()
      expect(await items().limit(0).first()).toBeNull()
      expect(await items().orderBy('id').limit(5).offset(2).first()).toEqual(hara)
    })

    it('one() gives the row, reads two at most, and names the entity and the number when there is not one', async () => {
      expect(await items().filterBy({ name: 'bob' }).one()).toEqual(bob)
      target.texts()
      await expect(items().one()).rejects.toThrow(MultipleResultsError)
      expect(target.asked.splice(0)[0]?.statement.parameters).toEqual([2])
      await expect(items().one()).rejects.toThrow('query(Item).one() found at least 2 rows')
      await expect(items().limit(3).one()).rejects.toThrow('found 3 rows')
      await expect(items().filterBy({ id: 99 }).one()).rejects.toThrow(NoResultError)
      await expect(items().filterBy({ id: 99 }).one()).rejects.toThrow('query(Item).one() found no row')
    })

    it('oneOrNull() gives null for none and refuses several', async () => {
      expect(await items().filterBy({ id: 1 }).oneOrNull()).toEqual(ann)
      expect(await items().filterBy({ id: 99 }).oneOrNull()).toBeNull()
      await expect(items().oneOrNull()).rejects.toThrow(MultipleResultsError)
    })

    it('count() counts the rows that all() would give', async () => {
      expect(await items().count()).toBe(3)
      expect(await items().where('id', '>', 1).orderBy('name').count()).toBe(2)
      expect(await items().limit(2).count()).toBe(2)
      expect(await items().offset(2).count()).toBe(1)
      expect(await items().limit(10).offset(5).count()).toBe(0)
      expect(await items().where('id', 'in', []).count()).toBe(0)
      expect(await items().forUpdate().count()).toBe(3)
    })

    it('exists() tells whether there is any', async () => {
      expect(await items().where('name', '=', 'bob').exists()).toBe(true)
      expect(await items().where('name', '=', 'none').orderBy('id').exists()).toBe(false)
      expect(await items().limit(0).exists()).toBe(false)
      expect(await items().offset(2).exists()).toBe(true)
      expect(await items().offset(3).exists()).toBe(false)
    })

    it('stream() and `for await` give the same instances in batches', async () => {
      const seen: number[] = []
      for await (const item of items().orderBy('id').stream({ batch: 2 })) seen.push(item.id)
      expect(seen).toEqual([1, 2, 3])
      expect(target.asked.splice(0)).toMatchObject([{ label: 'query(Item).stream()', batchSize: 2 }])
      for await (const item of items().orderBy('id')) {
        expect(item).toEqual(ann)
        break
      }
      expect(target.asked.splice(0)).toMatchObject([{ batchSize: 500 }])
    })
  })

  describe('modify()', () => {
    it('joins, and the instances stay whole', async () => {
      const query = items()
        .modify((qb) =>
          qb.innerJoin('stockItems as twin', 'twin.kind', 'stockItems.kind').where('twin.name', '=', 'bob'),
        )
        .where('id', '<', 3)
      expect(await query.orderBy('id').all()).toEqual([ann, bob])
      expect(await query.count()).toBe(2)
      expect(await query.exists()).toBe(true)
      expect(await query.orderBy('id').first()).toEqual(ann)
    })

    it('counts groups and keeps a limit of its own', async () => {
      const doubled = items().modify((qb) =>
        qb.innerJoin('stockItems as twin', 'twin.kind', 'stockItems.kind').select([]),
      )
      expect(await doubled.count()).toBe(5)
      expect(
        await items()
          .modify((qb) => qb.limit(2))
          .count(),
      ).toBe(2)
      await expect(
        items()
          .modify((qb) => qb.limit(3))
          .one(),
      ).rejects.toThrow('found 3 rows')
    })
  })

  describe('settings', () => {
    it('travel with the select', async () => {
      await items()
        .populateExisting()
        .autoflush(false)
        .executionOptions({ a: 1 })
        .executionOptions({ b: 2 })
        .forUpdate()
        .all()
      const [asked] = target.asked.splice(0)
      expect(asked?.select).toMatchObject({
        populateExisting: true,
        autoflush: false,
        executionOptions: { a: 1, b: 2 },
        lock: { mode: 'update' },
      })
      await items().autoflush(false).count()
      await items().exists()
      expect(target.asked.splice(0).map((one) => one.autoflush)).toEqual([false, undefined])
    })
  })

  describe('locks', () => {
    it('are written where the database has them, and are nothing elsewhere', async () => {
      await items().forUpdate().all()
      await items().forShare().all()
      await items().forNoKeyUpdate().all()
      await items().forKeyShare().all()
      const ends = target.texts().map((text) => /(?: (for .*|lock .*))?$/.exec(text)?.[1])
      if (!db.can('rowLocks')) expect(ends).toEqual([undefined, undefined, undefined, undefined])
      else if (db.can('schemas') && db.can('lockOf') && db.name !== 'mysql')
        expect(ends).toEqual(['for update', 'for share', 'for no key update', 'for key share'])
      else
        expect(ends).toEqual([
          'for update',
          expect.stringMatching(/share/),
          'for update',
          expect.stringMatching(/share/),
        ])
    })

    it('take options where the server has them, and refuse them at the call where it has not', async () => {
      expect(() => items().forUpdate({ noWait: true } as object)).toThrow(/Did you mean 'nowait'/)
      expect(() => items().forUpdate({ of: [] })).toThrow(ArgumentError)
      if (!db.can('rowLocks'))
        return expect(await items().forUpdate({ skipLocked: true, of: 'stockItems' }).count()).toBe(3)
      expect(() => items().forUpdate({ nowait: true, skipLocked: true })).toThrow(ArgumentError)
      expect(await idsOf(items().forUpdate({ skipLocked: true }))).toEqual([1, 2, 3])
      expect(await idsOf(items().forShare({ nowait: true }))).toEqual([1, 2, 3])
      if (!db.can('lockOf')) return expect(() => items().forUpdate({ of: 'stockItems' })).toThrow(ArgumentError)
      const joined = items().modify((qb) => qb.innerJoin('stockItems as twin', 'twin.id', 'stockItems.id'))
      expect(await idsOf(joined.forUpdate({ of: ['stockItems', 'twin'] }))).toEqual([1, 2, 3])
      expect(target.texts().at(-1)).toMatch(/for update of ["`]stock_items["`], ["`]twin["`]$/)
    })
  })
})

/** Bigints and bytes as text, for comparing rows. */
function text(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? `${value}n` : value instanceof Uint8Array ? [...value] : value
}

import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ArgumentError,
  asValue,
  createAll,
  entity,
  flagModified,
  integer,
  json,
  MappingError,
  manyToOne,
  NotLoadedError,
  on,
  oneToMany,
  schemaSql,
  sessionmaker,
  sql,
  state,
  text,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { openEngine, recordStatements } from '../support/engines.ts'
import { onEvery, type TestDatabase } from '../support/index.ts'

/** A price list: computed, deferred and read-only columns, a document, and defaults of the database. */
class Product extends entity('col_products', {
  id: integer().primaryKey(),
  name: varchar(100),
  price: integer(),
  amount: integer().default(1),
  total: integer().computed(sql`price * amount`),
  status: varchar(20).serverDefault(sql`'new'`),
  visits: integer().default(0),
  body: text().nullable().deferred(),
  settings: json<{ theme: string; tags?: string[] }>().default({ theme: 'light' }),
  stamp: varchar(20).nullable().readOnly(),
  touched: timestamp().nullable(),
}) {}

class Shelf extends entity('col_shelves', {
  id: integer().primaryKey(),
  label: varchar(40),
  get books() {
    return oneToMany(() => Book, { backPopulates: 'shelf' })
  },
}) {}

class Book extends entity('col_books', {
  id: integer().primaryKey(),
  text: text().deferred(),
  title: varchar(40),
  shelfId: integer().nullable().references('col_shelves.id'),
  get shelf() {
    return manyToOne(() => Shelf, { foreignKey: 'shelfId', backPopulates: 'books' }).nullable()
  },
}) {}

async function openProducts(db: TestDatabase) {
  const engine = openEngine(await db.freshUrl())
  await createAll(engine, [Product, Shelf, Book])
  const statements = recordStatements(engine)
  return { engine, statements, Sessions: sessionmaker({ bind: engine }) }
}

onEvery({}, (db) => {
  it('UOW-029 defaults of the database and computed columns are there after the flush of an INSERT, those of the program at once', async () => {
    const { Sessions, statements } = await openProducts(db)
    await using session = Sessions()
    const products = [1, 2, 3].map((price) => new Product({ name: `p${price}`, price, amount: 2 }))
    session.addAll(products)
    await session.flush()
    statements.expectAtMost(2)
    expect(products.map(({ total }) => total)).toEqual([2, 4, 6])
    expect(products.map(({ status }) => status)).toEqual(['new', 'new', 'new'])
    expect(products.map(({ visits }) => visits)).toEqual([0, 0, 0])
    expect(products[0]?.stamp).toBeNull()
  })

  it('a computed column is read back after an UPDATE, in one statement for a batch, and never written', async () => {
    const { Sessions, statements } = await openProducts(db)
    await using session = Sessions()
    const products = [1, 2, 3].map((price) => new Product({ name: `p${price}`, price }))
    session.addAll(products)
    await session.commit()
    for (const product of products) product.price *= 10
    const before = statements.count
    await session.flush()
    const sent = statements.statements.slice(before)
    expect(sent.filter((one) => /^select/i.test(one.sql) && !/for update/i.test(one.sql))).toHaveLength(1)
    expect(sent.every((one) => !/set[^;]*\btotal\b/i.test(one.sql))).toBe(true)
    expect(products.map(({ total }) => total)).toEqual([10, 20, 30])
    expect(session.dirty.size).toBe(0)
    await session.rollback()
    await session.refresh(products[1] as Product)
    expect(products[1]?.total).toBe(2)
  })

  it('a computed column follows a row that changes its key, and one that is rolled back is computed anew when added again', async () => {
    const { Sessions } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3 })
    session.add(product)
    await session.flush()
    await session.rollback()
    product.price = 4
    session.add(product)
    await session.commit()
    expect(product.total).toBe(4)
    product.id = 77
    product.price = 5
    await session.commit()
    expect(product.total).toBe(5)
  })

  it('computed and read-only columns refuse assignments, in new too', async () => {
    const { Sessions } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3 })
    expect(() => {
      product.total = 5
    }).toThrow(/Product\.total: the database computes the column/)
    expect(() => {
      product.stamp = 'x'
    }).toThrow(/Product\.stamp: the column is read-only/)
    // @ts-expect-error the types refuse it as well
    expect(() => new Product({ name: 'a', price: 3, total: 4 })).toThrow(ArgumentError)
    expect(() => flagModified(product, 'total')).toThrow(ArgumentError)
    session.add(product)
    await session.commit()
    expect(product.total).toBe(3)
  })

  it('a read-only column shows what another program has written, and merge leaves it alone', async () => {
    const { Sessions } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3 })
    session.add(product)
    await session.commit()
    await session.execute(sql`update col_products set stamp = 'seen'`)
    await session.refresh(product)
    expect(product.stamp).toBe('seen')
    product.name = 'b'
    await session.commit()
    await using other = Sessions()
    const merged = await other.merge(product)
    await other.commit()
    expect([merged.stamp, merged.name, merged.total]).toEqual(['seen', 'b', 3])
  })

  it('UOW-028 an expression as a value is put into the UPDATE; afterwards the attribute is expired, and one SELECT gives the plain value', async () => {
    const { Sessions, statements } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3, visits: 5 })
    session.add(product)
    await session.commit()
    product.visits = asValue(sql<number>`visits + 1`)
    await session.flush()
    expect(() => product.visits).toThrow(NotLoadedError)
    expect(state(product).unloaded).toContain('visits')
    const before = statements.count
    await session.refresh(product, ['visits'])
    expect(statements.count - before).toBe(1)
    expect(product.visits).toBe(6)
    await session.rollback()
    await session.refresh(product)
    expect(product.visits).toBe(5)
  })

  it('UOW-026 UOW-028 an expression in an INSERT is computed by the database and read back', async () => {
    const { Sessions } = await openProducts(db)
    await using session = Sessions()
    const products = [
      new Product({ name: 'a', price: 1 }),
      new Product({ name: 'b', price: asValue(sql<number>`20 + 1`) }),
      new Product({ name: 'c', price: 3 }),
    ]
    session.addAll(products)
    await session.flush()
    expect(products.map(({ price }) => price)).toEqual([1, 21, 3])
    expect(products.map(({ total }) => total)).toEqual([1, 21, 3])
    const stored = await session.query(Product).orderBy('id').all()
    expect(stored).toEqual(products)
  })

  it('a deferred column is left out of queries, get and refresh, loaded by name, and written like any other', async () => {
    const { Sessions, statements } = await openProducts(db)
    await Sessions.begin((session) => session.add(new Product({ name: 'a', price: 3, body: 'long' })))
    await using session = Sessions()
    const product = await session.query(Product).one()
    expect(state(product).unloaded).toEqual(['body'])
    expect(() => product.body).toThrow(/not loaded.*refresh\(instance, \['body'\]\)/)
    expect(product.toObject()).not.toHaveProperty('body')
    const before = statements.count
    await session.refresh(product, ['body'])
    expect(product.body).toBe('long')
    expect(statements.count - before).toBe(1)
    await session.execute(sql`update col_products set body = 'longer'`)
    await session.refresh(product)
    expect(product.body).toBe('longer')
    const { id } = product
    session.expire(product)
    expect(await session.get(Product, id)).toBe(product)
    expect(state(product).unloaded).toEqual(['body'])
    product.body = 'new'
    await session.commit()
    expect(await session.scalar(sql`select body from col_products`)).toBe('new')
    session.expungeAll()
    expect(state((await session.get(Product, product.id)) as Product).unloaded).toEqual(['body'])
  })

  it('a deferred column is left out when relations are loaded, from either side', async () => {
    const { Sessions, statements } = await openProducts(db)
    await Sessions.begin((session) =>
      session.add(
        new Shelf({
          label: 'a',
          books: [new Book({ title: 'one', text: 'long' }), new Book({ title: 'two', text: 'longer' })],
        }),
      ),
    )
    await using session = Sessions()
    const shelf = await session.query(Shelf).one()
    statements.clear()
    const books = await shelf.books
    expect(statements.statements.some((one) => /\btext\b(?!\[)/.test(one.sql.replace(/::text/g, '')))).toBe(false)
    expect(books.map((book) => book.title).toSorted()).toEqual(['one', 'two'])
    expect(books.every((book) => state(book).unloaded.includes('text'))).toBe(true)
    expect(await books[0]?.shelf).toBe(shelf)
    await session.refresh(books[0] as Book, ['text'])
    expect(['long', 'longer']).toContain(books[0]?.text)
  })

  it('a JSON document changed in place is written once it is flagged, and not before', async () => {
    const { Sessions, statements } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3 })
    session.add(product)
    await session.commit()
    product.settings.theme = 'dark'
    expect(session.isModified(product)).toBe(false)
    const before = statements.count
    await session.flush()
    expect(statements.count).toBe(before)
    flagModified(product, 'settings')
    expect(session.isModified(product)).toBe(true)
    await session.commit()
    const stored = await Sessions.begin((other) => other.query(Product).one())
    expect(stored.settings).toEqual({ theme: 'dark' })
  })

  it('a flagged document is read again after a rollback, also where another column was changed before it', async () => {
    const { Sessions } = await openProducts(db)
    await using session = Sessions()
    const product = new Product({ name: 'a', price: 3 })
    session.add(product)
    await session.commit()
    for (const first of [() => {}, () => (product.name = 'b')]) {
      first()
      product.settings.theme = 'dark'
      flagModified(product, 'settings')
      await session.flush()
      await session.rollback()
      expect(() => product.settings).toThrow(NotLoadedError)
      await session.refresh(product)
      expect([product.name, product.settings]).toEqual(['a', { theme: 'light' }])
    }
    session.expire(product)
    expect(() => flagModified(product, 'settings')).toThrow(NotLoadedError)
    // @ts-expect-error there is no such property
    expect(() => flagModified(product, 'setings')).toThrow(/did you mean 'settings'/i)
  })

  it('a validator refuses or replaces a value, in new and in assignments, and does not see what a load or a flush writes', async () => {
    const { Sessions } = await openProducts(db)
    const seen: unknown[] = []
    onTestFinished(
      on(Product, 'set', { property: 'name' }, (event) => {
        seen.push([event.oldValue, event.value])
        if (event.value === '') throw new RangeError('a product needs a name')
        event.value = event.value.trim()
      }),
    )
    await using session = Sessions()
    const product = new Product({ name: ' a ', price: 3 })
    expect(product.name).toBe('a')
    session.add(product)
    await session.commit()
    expect(() => {
      product.name = ''
    }).toThrow(/needs a name/)
    expect(() => new Product({ name: '', price: 1 })).toThrow(RangeError)
    expect(session.isModified(product)).toBe(false)
    product.name = 'b '
    await session.commit()
    await session.refresh(product)
    expect(product.name).toBe('b')
    expect(seen).toEqual([
      [undefined, ' a '],
      ['a', ''],
      [undefined, ''],
      ['a', 'b '],
    ])
  })

  it('UOW-030 what the flush makes, keys and defaults, is not told as set', async () => {
    const { Sessions } = await openProducts(db)
    const seen: string[] = []
    onTestFinished(on(Product, 'set', ({ property }) => seen.push(property)))
    await using session = Sessions()
    session.add(new Product({ name: 'a', price: 3 }))
    await session.commit()
    expect(seen).toEqual(['name', 'price'])
  })

  it('the schema declares a computed column so that the database computes it', async () => {
    const { engine } = await openProducts(db)
    expect(await schemaSql(engine, [Product])).toMatch(/generated always as \(price \* amount\) stored/i)
  })
})

describe('a definition that cannot work is refused', () => {
  const cases: [string, object, RegExp][] = [
    [
      'a computed key',
      { id: integer().computed(sql`1`).primaryKey() },
      /computed column cannot be part of the primary/,
    ],
    ['a computed column with a default', { n: integer().computed(sql`1`).default(1) }, /never written/],
    ['a computed column with a server default', { n: integer().computed(sql`1`).serverDefault(sql`1`) }, /no default/],
    ['a read-only version', { n: integer().version().readOnly() }, /read-only column cannot be a version/],
    ['a deferred key', { id: integer().primaryKey().deferred() }, /cannot be deferred/],
    ['a deferred foreign key', { n: integer().references('a.id').deferred() }, /cannot be deferred/],
  ]
  for (const [what, definition, message] of cases) {
    it(what, () => {
      expect(() => entity('things', { id: integer().primaryKey(), ...definition })).toThrow(message)
    })
  }

  it('a computed column without an expression', () => {
    expect(() => integer().computed('a + b' as never)).toThrow(MappingError)
    expect(() => asValue('a + b' as never)).toThrow(ArgumentError)
  })
})

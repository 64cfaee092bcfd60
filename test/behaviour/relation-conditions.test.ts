import { expect, it, onTestFinished } from 'vitest'
import {
  createAll,
  createEngine,
  entity,
  integer,
  joined,
  type LoadedSet,
  MappingError,
  manyToMany,
  manyToOne,
  oneToMany,
  oneToOne,
  sessionmaker,
  timestamp,
  varchar,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openRelated } from './related-entities.ts'

class Writer extends entity('cond_writers', {
  id: integer().primaryKey(),
  name: varchar(50),
  city: varchar(50),
  home: varchar(50).nullable().deferred(),
  get addresses() {
    return oneToMany(() => Place, { backPopulates: 'writer', orderBy: 'id' })
  },
  /** A filter beside the foreign key, which is written all the same. */
  get bostonAddresses() {
    return oneToMany(() => Place, { where: (eb) => eb('city', '=', 'Boston'), orderBy: 'id' })
  },
  get latestText() {
    return oneToOne(() => Writing, {
      viewOnly: true,
      on: (eb) =>
        eb.and([
          eb('target.writerId', '=', eb.ref('source.id')),
          eb(
            'target.writtenAt',
            '=',
            eb
              .selectFrom('cond_texts as other')
              .select((one) => one.fn.max('other.writtenAt').as('latest'))
              .whereRef('other.writerId', '=', 'source.id'),
          ),
        ]),
    })
  },
  /** Neither a key nor a declared reference: names of a city. */
  get neighbours() {
    return oneToMany(() => Place, {
      viewOnly: true,
      collection: 'set',
      on: (eb) => eb('target.city', '=', eb.ref('source.city')),
      orderBy: 'id',
    })
  },
  get inHomeTown() {
    return oneToMany(() => Place, { viewOnly: true, on: (eb) => eb('target.city', '=', eb.ref('source.home')) })
  },
  get openClubs() {
    return manyToMany(() => Circle, {
      through: 'cond_circles_writers',
      throughColumns: ['writerId', 'circleId'],
      where: (eb) => eb('isOpen', '=', 1),
    })
  },
  get clubs() {
    return manyToMany(() => Circle, { through: 'cond_circles_writers', throughColumns: ['writerId', 'circleId'] })
  },
}) {}

class Place extends entity('cond_places', {
  id: integer().primaryKey(),
  city: varchar(50),
  writerId: integer().nullable().references('cond_writers.id'),
  get writer() {
    return manyToOne(() => Writer, { backPopulates: 'addresses' }).nullable()
  },
  get namesake() {
    return manyToOne(() => Writer, {
      viewOnly: true,
      on: (eb) => eb('target.city', '=', eb.ref('source.city')),
    }).nullable()
  },
}) {}

/** Its key to the writer is a foreign key that the table does not declare. */
class Writing extends entity('cond_texts', {
  id: integer().primaryKey(),
  writtenAt: timestamp(),
  writerId: integer(),
  get writer() {
    return manyToOne(() => Writer, { foreignKey: 'writerId' })
  },
}) {}

class Circle extends entity('cond_circles', { id: integer().primaryKey(), isOpen: integer() }) {}

const day = (n: number) => new Date(Date.UTC(2026, 0, n))

async function stored(db: Parameters<typeof openRelated>[0]) {
  const { Sessions, statements } = await openRelated(db, { entities: [Writer, Place, Writing, Circle] })
  const session = Sessions()
  onTestFinished(() => session.close())
  const [open, closed] = [new Circle({ isOpen: 1 }), new Circle({ isOpen: 0 })]
  const [ann, bob] = [
    new Writer({
      name: 'ann',
      city: 'Boston',
      home: 'Rome',
      addresses: [new Place({ city: 'Boston' }), new Place({ city: 'Rome' })],
      clubs: [open, closed],
    }),
    new Writer({ name: 'bob', city: 'Oslo', addresses: [new Place({ city: 'Boston' })], clubs: [closed] }),
  ]
  session.addAll([ann, bob, open, closed])
  session.addAll([1, 3, 2].map((n) => new Writing({ writtenAt: day(n), writer: ann, writerId: 0 })))
  await session.commit()
  session.expungeAll()
  statements.clear()
  return { session, statements }
}

const writers = async (session: Awaited<ReturnType<typeof stored>>['session']) =>
  (await session.query(Writer).orderBy('name').all()) as [Writer, Writer]

onEvery({}, (db) => {
  it('a relation narrowed by where is loaded for all siblings in one statement, and writes its key', async () => {
    const { session, statements } = await stored(db)
    const [ann, bob] = await writers(session)
    statements.clear()
    expect((await ann.bostonAddresses).map(({ city }) => city)).toEqual(['Boston'])
    expect((await bob.bostonAddresses).length).toBe(1)
    expect(statements.count).toBe(1)
    const [place] = await bob.bostonAddresses
    bob.bostonAddresses.remove(place as Place)
    ann.bostonAddresses.add(place as Place)
    await session.commit()
    expect([place?.writerId, (await ann.addresses).length]).toEqual([ann.id, 3])
  })

  it('a relation by a condition of its own is loaded for all siblings in one statement: the latest of many', async () => {
    const { session, statements } = await stored(db)
    const [ann, bob] = await writers(session)
    statements.clear()
    const [latest, none] = [await ann.latestText, await bob.latestText]
    expect([latest?.writtenAt, none, statements.count]).toEqual([day(3), null, 1])
  })

  it('with() loads it, by any columns, into sets, and to one', async () => {
    const { session, statements } = await stored(db)
    const all = await session.query(Writer).with('neighbours.namesake', 'latestText').orderBy('name').all()
    expect(statements.count).toBe(4)
    expect(all.map(({ neighbours }) => neighbours.size)).toEqual([2, 0])
    for (const place of all[0]?.neighbours ?? []) expect(place.namesake).toBe(all[0])
  })

  it('a table of pairs is narrowed too', async () => {
    const { session } = await stored(db)
    const [ann, bob] = await session.query(Writer).with('openClubs', 'clubs').orderBy('name').all()
    expect([ann?.clubs.length, ann?.openClubs.length, bob?.clubs.length, bob?.openClubs.length]).toEqual([2, 1, 1, 0])
  })

  it('a join brings it along, into sets too, with no more than meets the condition', async () => {
    const { session, statements } = await stored(db)
    const query = session
      .query(Writer)
      .orderBy('name')
      .options(joined('neighbours'), joined('latestText'), joined('openClubs'), joined('bostonAddresses'))
    await query.all()
    session.expungeAll()
    const first = await query.limit(1).one()
    expect((first.bostonAddresses as readonly Place[]).length).toBe(1)
    session.expungeAll()
    statements.clear()
    const all = await query.all()
    expect(statements.count).toBe(1)
    const seen = all.map((writer) => [
      [...(writer.neighbours as unknown as LoadedSet<Place>)].length,
      (writer.latestText as Writing | null)?.writtenAt ?? null,
      (writer.openClubs as readonly Circle[]).length,
      (writer.bostonAddresses as readonly Place[]).length,
    ])
    expect(seen).toEqual([
      [2, day(3), 1, 1],
      [0, null, 0, 1],
    ])
  })

  it('a join of a page compares columns that it does not read', async () => {
    const { session } = await stored(db)
    const ann = await session.query(Writer).options(joined('inHomeTown')).orderBy('name').limit(1).one()
    expect((ann.inHomeTown as readonly Place[]).map(({ city }) => city)).toEqual(['Rome'])
  })

  it('queries join along it and ask for related rows, again and again', async () => {
    const { session } = await stored(db)
    for (let round = 0; round < 2; round++) {
      const names = async (query: { all(): Promise<readonly { readonly name: string }[]> }) =>
        (await query.all()).map(({ name }) => name).sort()
      const query = session.query(Writer)
      expect(await names(query.whereHas('bostonAddresses'))).toEqual(['ann', 'bob'])
      expect(await names(query.whereHas('neighbours'))).toEqual(['ann'])
      expect(await names(query.whereHas('openClubs'))).toEqual(['ann'])
      expect(await names(query.join('latestText').where('latestText.writtenAt', '=', day(3)))).toEqual(['ann'])
      expect(await names(query.join('latestText').where('latestText.writtenAt', '=', day(2)))).toEqual([])
      const [ann] = await writers(session)
      const latest = (await ann.latestText) as Writing
      const rome = await session.query(Place).where('city', '=', 'Rome').one()
      expect(await names(query.where('latestText', '=', latest))).toEqual(['ann'])
      expect(await names(query.whereContains('neighbours', rome))).toEqual([])
      const [open] = await session.query(Circle).where('isOpen', '=', 1).all()
      const [closed] = await session.query(Circle).where('isOpen', '=', 0).all()
      expect(await names(query.whereContains('openClubs', open as Circle))).toEqual(['ann'])
      expect(await names(query.whereContains('openClubs', closed as Circle))).toEqual([])
    }
  })

  it('what it is changed to writes nothing, and is not there when it is read again', async () => {
    const { session, statements } = await stored(db)
    const [ann] = await writers(session)
    const rome = await session.query(Place).where('city', '=', 'Rome').one()
    ;(await ann.neighbours).add(rome)
    statements.clear()
    await session.flush()
    expect(statements.count).toBe(0)
    await session.refresh(ann)
    expect((await ann.neighbours).has(rome)).toBe(false)
  })

  it('a foreign key that the table does not declare is followed and written where it is named', async () => {
    const { session } = await stored(db)
    const texts = await session.query(Writing).with('writer').all()
    expect(new Set(texts.map(({ writer }) => writer.name))).toEqual(new Set(['ann']))
  })
})

it('a condition that cannot work is a MappingError that says how to mend it', async () => {
  expect(() => oneToMany(() => Place, { on: (eb) => eb('target.city', '=', 'x') })).toThrow(
    'oneToMany(…): with a condition of its own (on) nothing tells what to write; add { viewOnly: true }',
  )
  expect(() =>
    oneToMany(() => Place, { viewOnly: true, foreignKey: 'writerId', on: (eb) => eb('target.city', '=', 'x') }),
  ).toThrow('on is the whole condition; leave foreignKey out')
  expect(() => oneToMany(() => Place, { where: 'city' as never })).toThrow(
    'where must be a function that makes a condition',
  )

  class Shop extends entity('shops', {
    id: integer().primaryKey(),
    get goods() {
      return oneToMany(() => Good, { where: (eb) => eb('colour', '=', 'red') })
    },
    get nothing() {
      return oneToMany(() => Good, { viewOnly: true, on: () => 5 as never })
    },
  }) {}
  class Good extends entity('goods', {
    id: integer().primaryKey(),
    color: varchar(5),
    shopId: integer().nullable().references('shops.id'),
  }) {}
  class Key extends entity('keys', {
    id: integer().primaryKey(),
    shopId: integer().references('shops.id'),
    get shop() {
      return oneToOne(() => Shop, { foreignKey: 'shopId', where: (eb) => eb('id', '=', 1) })
    },
  }) {}
  await using engine = createEngine('sqlite://')
  await createAll(engine, [Shop, Good])
  await using session = sessionmaker({ bind: engine })()
  session.add(new Shop())
  await session.commit()
  const wrong = (relation: 'goods' | 'nothing') => expect(session.query(Shop).with(relation).all()).rejects
  await wrong('goods').toThrow(
    new MappingError(
      "Shop.goods where: Good has no property 'colour'. Did you mean 'color'? Properties: id, color, shopId",
    ),
  )
  await wrong('nothing').toThrow(
    "Shop.nothing on: the function must return a condition such as eb('city', '=', 'Boston')",
  )
  await session.close()
  await expect(createAll(engine, [Shop, Key])).rejects.toThrow('Key.shop: its own key says which row it points at')
})

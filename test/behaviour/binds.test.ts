import { expect, it } from 'vitest'
import {
  type AnyEntityClass,
  ArgumentError,
  createAll,
  type Engine,
  entity,
  integer,
  Session,
  type SessionOptions,
  sessionmaker,
  sql,
  text,
  UnboundExecutionError,
} from '../../src/index.ts'
import { thrownBy } from '../fault/faulty-people.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

type Binds = NonNullable<SessionOptions['binds']>

class Order extends entity('bind_orders', { id: integer().primaryKey(), what: text() }) {}
class Visit extends entity('bind_visits', { id: integer().primaryKey(), what: text() }) {}

it('BIND-001 without an engine everything that needs one is refused by name', async () => {
  await using session = new Session()
  const needs = [
    () => session.execute(sql`select 1`),
    () => session.scalar(sql`select 1`),
    () => session.get(Visit, 1),
    () => session.query(Visit).all(),
    () => session.connection(),
    () => session.db,
    () => session.getBind(Visit),
  ]
  for (const need of needs) expect(await thrownBy(need)).toBeInstanceOf(UnboundExecutionError)
  session.add(new Visit({ what: 'never' }))
  expect(await thrownBy(() => session.commit())).toMatchObject({
    code: 'HEDDLE_UNBOUND_EXECUTION',
    message: expect.stringContaining('Visit'),
  })
})

it('BIND-001 a bind for what is no class is refused', () => {
  const binds = new Map([['orders', {}]]) as unknown as Binds
  expect(() => new Session({ binds })).toThrow(ArgumentError)
  expect(() => new Session().bindEntity({} as never, {} as never)).toThrow(ArgumentError)
})

onEvery({}, (db) => {
  /** Engines on databases of their own, each of which has all tables. */
  const openEngines = async (count: number): Promise<Engine[]> => {
    const engines: Engine[] = []
    for (let i = 0; i < count; i++) {
      const engine = openEngine(await db.freshUrl())
      await createAll(engine, [Order, Visit])
      engines.push(engine)
    }
    return engines
  }

  it('BIND-001 the bind of an entity class decides before that of the session, and can be set later', async () => {
    const [own, ofOrders] = (await openEngines(2)) as [Engine, Engine]
    const Sessions = sessionmaker({ bind: own, binds: new Map<AnyEntityClass, Engine>([[Order, ofOrders]]) })
    await Sessions.begin(async (session) => {
      expect([session.getBind(Order), session.getBind(Visit), session.getBind()]).toEqual([ofOrders, own, own])
      session.addAll([new Order({ what: 'tea' }), new Visit({ what: 'bought tea' })])
      await session.flush()
      expect([own, ofOrders].map((engine) => engine.pool.status().checkedOut)).toEqual([1, 1])
      session.bindEntity(Order, own)
      expect(session.getBind(Order)).toBe(own)
    })
    expect([await countOf(own, 'bind_orders'), await countOf(own, 'bind_visits')]).toEqual([0, 1])
    expect([await countOf(ofOrders, 'bind_orders'), await countOf(ofOrders, 'bind_visits')]).toEqual([1, 0])
  })

  it('BIND-001 a statement goes to the engine of the entity it names, else to that of the session', async () => {
    const [own, ofOrders] = (await openEngines(2)) as [Engine, Engine]
    const Sessions = sessionmaker({ bind: own, binds: new Map<AnyEntityClass, Engine>([[Order, ofOrders]]) })
    await Sessions.begin(async (session) => {
      const insert = sql`insert into bind_orders (id, what) values (${1}, ${'tea'})`
      await session.execute(insert, { entity: Order })
      expect(Number(await session.scalar(sql`select count(*) from bind_orders`))).toBe(0)
      expect(Number(await session.scalar(sql`select count(*) from bind_orders`, { entity: Order }))).toBe(1)
    })
    expect([await countOf(own, 'bind_orders'), await countOf(ofOrders, 'bind_orders')]).toEqual([0, 1])
  })
})

async function countOf(engine: Engine, table: string): Promise<number> {
  return engine.begin(async (connection) => {
    const { rows } = await connection.execute<{ n: unknown }>(sql`select count(*) as n from ${sql.table(table)}`)
    return Number(rows[0]?.n)
  })
}

import { expect, it } from 'vitest'
import {
  createAll,
  type Engine,
  entity,
  integer,
  type Session,
  scopedSession,
  sessionmaker,
  text,
  UnboundExecutionError,
} from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

type EntityClassOfBinds = NonNullable<Parameters<Session['getBind']>[0]>

class Order extends entity('bound_orders', { id: integer().primaryKey(), what: text() }) {}
class Audit extends entity('bound_audits', { id: integer().primaryKey(), what: text() }) {}
class Stray extends entity('bound_strays', { id: integer().primaryKey() }) {}

onEvery({}, (db) => {
  it('SCOPE-014 one session of a scope brings each class to its engine, and says which has none', async () => {
    const orders = openEngine(db)
    const audits = openEngine(await db.freshUrl())
    await createAll(orders, [Order])
    await createAll(audits, [Audit])
    const binds = new Map<EntityClassOfBinds, Engine>([
      [Order, orders],
      [Audit, audits],
    ])
    const Session = scopedSession(sessionmaker({ binds }))
    await Session.begin(async () => {
      Session.addAll([new Order({ what: 'tea' }), new Audit({ what: 'ordered tea' })])
      await Session.flush()
      expect(orders.pool.status().checkedOut).toBe(1)
      expect(audits.pool.status().checkedOut).toBe(1)
      expect(() => Session.getBind(Stray)).toThrow(UnboundExecutionError)
      await expect(Session.get(Stray, 1)).rejects.toThrow(/Stray/)
    })
    for (const [Class, engine] of binds) {
      const own = scopedSession(sessionmaker({ bind: engine }))
      expect(await own.run(() => own.query(Class as unknown as typeof Order).count())).toBe(1)
      expect(engine.pool.status().checkedOut).toBe(0)
    }
  })
})

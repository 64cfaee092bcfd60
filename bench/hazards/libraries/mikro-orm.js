import { defineEntity, MikroORM } from '@mikro-orm/postgresql'

export const library = 'MikroORM'

/** It wants one entity at least; the programs send their statements as they are. */
const Row = defineEntity({ name: 'Row', tableName: 'hazard_rows', properties: (p) => ({ id: p.integer().primary() }) })

export async function open(url, size) {
  const orm = await MikroORM.init({ clientUrl: url, entities: [Row], pool: { min: 0, max: size }, debug: false })
  const run = (em, text) => em.getConnection().execute(text, [], 'all', em.getTransactionContext())
  return {
    transaction: (work) => orm.em.fork().transactional(work),
    nested: (em, work) => em.transactional(work),
    run,
    alone: (text) => run(orm.em.fork(), text),
    close: () => orm.close(true),
  }
}

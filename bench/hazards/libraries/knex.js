import makeKnex from 'knex'

export const library = 'Knex'

export async function open(url, size) {
  const knex = makeKnex({ client: 'pg', connection: url, pool: { min: 0, max: size }, acquireConnectionTimeout: 3_000 })
  const run = async (handle, text) => (await handle.raw(text)).rows
  return {
    transaction: (work) => knex.transaction(work),
    nested: (trx, work) => trx.transaction(work),
    run,
    alone: (text) => run(knex, text),
    close: () => knex.destroy(),
  }
}

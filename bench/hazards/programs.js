import pg from 'pg'

/** The statement that every program sends: a row by its key. */
const insert = (id) => `insert into hazard_rows (id) values (${id})`
const quiet = () => undefined
/** Time for statements that nobody awaits to arrive, in milliseconds. */
const settle = () => new Promise((resolve) => setTimeout(resolve, 300))

/** What is stored, seen by a connection of its own. */
async function stored(url) {
  const { rows } = await onOwn(url, 'select id from hazard_rows order by id')
  return rows.map(({ id }) => id)
}

async function onOwn(url, text) {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return client.query(text).finally(() => client.end())
}

const ended = (promise) =>
  promise.then(
    () => 'fulfilled',
    () => 'rejected',
  )
const lost = (rows) => `${rows.length} row${rows.length === 1 ? '' : 's'} committed`

/**
 * The programs. Each gets a library that is open, and the database's URL, and tells what happened and whether it is right.
 */
export const programs = {
  A: {
    what: 'a Promise.all with one failing statement in a managed transaction: what is stored?',
    async run({ transaction, run }, url) {
      await ended(
        transaction((tx) =>
          Promise.all([run(tx, insert(1)), run(tx, insert(1)), run(tx, insert(2)), run(tx, insert(3))]),
        ),
      )
      await settle()
      const rows = await stored(url)
      return rows.length === 0
        ? { right: true, text: 'nothing' }
        : { right: false, text: `${lost(rows)} after ROLLBACK` }
    },
  },
  B: {
    what: 'inserts that are not awaited, then the callback throws: what is stored?',
    async run({ transaction, run }, url) {
      await ended(
        transaction(async (tx) => {
          for (const id of [1, 2, 3]) run(tx, insert(id)).catch(quiet)
          throw new Error('of the callback')
        }),
      )
      await settle()
      const rows = await stored(url)
      return rows.length === 0
        ? { right: true, text: 'nothing' }
        : { right: false, text: `${lost(rows)} after ROLLBACK` }
    },
  },
  C: {
    what: 'the transaction handle is used after its commit: is it refused?',
    async run({ transaction, run }, url) {
      let kept
      await transaction(async (tx) => {
        kept = tx
        await run(tx, insert(1))
      })
      const late = await ended(Promise.resolve().then(() => run(kept, insert(2))))
      const rows = await stored(url)
      const right = late === 'rejected' && rows.length === 1
      return { right, text: right ? 'refused' : 'executed outside of any transaction' }
    },
  },
  D: {
    what: 'two nested transactions side by side, one throws and is caught: is what the other stored there?',
    async run({ transaction, run, nested }, url) {
      if (nested === undefined) return { text: '–' }
      let ends = []
      const outer = await ended(
        transaction(async (tx) => {
          const inner = (id, fails) =>
            nested(tx, async (own) => {
              await run(own, insert(id))
              await run(own, 'select pg_sleep(0.05)')
              if (fails) throw new Error('no')
            })
          ends = await Promise.all([ended(inner(1, false)), ended(inner(2, true))])
        }),
      )
      await settle()
      const rows = await stored(url)
      const told = outer === 'fulfilled' && ends[0] === 'fulfilled' ? [1] : []
      const right = JSON.stringify(rows) === JSON.stringify(told)
      if (right) return { right, text: told.length === 1 ? 'stored' : 'refused, nothing stored' }
      return { right, text: `reported ${ends.join(' and ')}, stored ${JSON.stringify(rows)}` }
    },
  },
  E: {
    what: 'a failed statement is swallowed, the callback returns: is success reported for lost rows?',
    async run({ transaction, run }, url) {
      const end = await ended(
        transaction(async (tx) => {
          await run(tx, insert(1))
          await Promise.resolve(run(tx, insert(1))).catch(quiet)
        }),
      )
      const rows = await stored(url)
      const right = end === 'rejected' ? rows.length === 0 : rows.length === 1
      return { right, text: right ? end : 'reports success, rows lost' }
    },
  },
  F: {
    what: 'the server ends the connection during a transaction, pool of one: does the next query work?',
    poolSize: 1,
    async run({ transaction, run, alone }, url) {
      const end = await ended(
        transaction(async (tx) => {
          const [{ pid }] = await run(tx, 'select pg_backend_pid() as pid')
          await onOwn(url, `select pg_terminate_backend(${pid})`)
          await settle()
          await run(tx, insert(1))
        }),
      )
      const next = await ended(alone(insert(2)))
      const rows = await stored(url)
      const right = end === 'rejected' && next === 'fulfilled' && JSON.stringify(rows) === '[2]'
      return { right, text: right ? 'clean' : `transaction ${end}, next query ${next}, stored ${JSON.stringify(rows)}` }
    },
  },
}

/** The table that they write to, empty. */
export async function prepare(url) {
  await onOwn(url, 'drop table if exists hazard_rows')
  await onOwn(url, 'create table hazard_rows (id integer primary key)')
}

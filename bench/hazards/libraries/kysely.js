import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'

export const library = 'Kysely'

export async function open(url, size) {
  const db = new Kysely({ dialect: new PostgresDialect({ pool: new pg.Pool({ connectionString: url, max: size }) }) })
  const run = async (handle, text) => (await sql.raw(text).execute(handle)).rows
  return {
    transaction: (work) => db.transaction().execute(work),
    // A transaction by callback has none inside.
    nested: undefined,
    run,
    alone: (text) => run(db, text),
    close: () => db.destroy(),
  }
}

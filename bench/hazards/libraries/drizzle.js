import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import pg from 'pg'

export const library = 'Drizzle'

export async function open(url, size) {
  const pool = new pg.Pool({ connectionString: url, max: size })
  const db = drizzle(pool)
  const run = async (handle, text) => (await handle.execute(sql.raw(text))).rows
  return {
    transaction: (work) => db.transaction(work),
    nested: (tx, work) => tx.transaction(work),
    run,
    alone: (text) => run(db, text),
    close: () => pool.end(),
  }
}

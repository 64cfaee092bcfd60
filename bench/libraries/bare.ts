import type { Library } from '../contract.ts'
import { openBareMysql } from './bare-mysql.ts'
import { openBarePostgres } from './bare-postgres.ts'
import { openBareSqlite } from './bare-sqlite.ts'

/** What a careful person writes by hand with the driver alone: prepared statements, one awaited after another, bulk forms where there are any. */
export const library: Library = {
  name: 'bare',
  version: `node:sqlite of Node ${process.versions.node}, pg, mysql2`,
  async open(target) {
    if (target.product === 'sqlite') return openBareSqlite(target)
    return target.product === 'postgres' ? openBarePostgres(target) : openBareMysql(target)
  },
}

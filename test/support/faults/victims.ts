import { findProgram } from '../servers/local-server.ts'
import { prepareMysql } from '../servers/mysql.ts'
import { prepareEmbedded } from '../servers/postgres.ts'
import { guestNeedsPassword, mariadb, postgres, type Victim } from './products.ts'

/** A PostgreSQL of the faults' own, in a folder, not started yet. */
export async function postgresVictim(folder: string): Promise<Victim> {
  const settings = ['max_connections=40', 'superuser_reserved_connections=3', 'restart_after_crash=on']
  return { product: postgres, server: await prepareEmbedded(folder, settings, guestNeedsPassword), version: '' }
}

/** The same of MariaDB; undefined where none is installed. What is confirmed survives its crash. */
export async function mariadbVictim(folder: string): Promise<Victim | undefined> {
  const program = findProgram('mariadbd', 'mysqld')
  if (program === undefined) return undefined
  const server = await prepareMysql(program, folder, ['--innodb-flush-log-at-trx-commit=2', '--skip-name-resolve'])
  return { product: mariadb, server, version: '' }
}

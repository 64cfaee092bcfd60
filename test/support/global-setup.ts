import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'
import { dropLeftovers } from './databases.ts'
import type { FoundDatabases } from './found.ts'
import { findMysql } from './servers/mysql.ts'
import { findPostgres } from './servers/postgres.ts'

interface Source<S> {
  readonly server: S
  readonly stop?: () => Promise<void>
}

/** Finds the databases, or starts them, once for all test files; stops what it started when the run is over. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-tests-'))
  // A server that runs as another user must be able to pass through it to its own folder.
  chmodSync(folder, 0o711)
  const removeFolder = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', removeFolder)
  const missing: Record<string, string> = {}
  const stops: (() => Promise<void>)[] = []
  const look = async <S>(name: string, find: (folder: string) => Promise<Source<S>>): Promise<S | undefined> => {
    try {
      const source = await find(folder)
      if (source.stop) stops.push(source.stop)
      return source.server
    } catch (error) {
      missing[name] = error instanceof Error ? error.message : String(error)
      return undefined
    }
  }
  const postgres = look('PostgreSQL', findPostgres)
  const mysql = look('MariaDB/MySQL', findMysql)
  const found = { folder, postgres: await postgres, mysql: await mysql, missing }
  const teardown = async () => {
    await Promise.all(stops.map((stop) => stop()))
    removeFolder()
    process.off('exit', removeFolder)
  }
  try {
    announce(found)
    await dropLeftovers(found)
  } catch (error) {
    await teardown()
    throw error
  }
  project.provide('databases', found)
  return teardown
}

function announce(found: FoundDatabases): void {
  const { postgres, mysql, missing } = found
  if (postgres) console.log(`PostgreSQL ${postgres.version}: ${postgres.from}`)
  if (mysql) console.log(`${mysql.product === 'mariadb' ? 'MariaDB' : 'MySQL'} ${mysql.version}: ${mysql.from}`)
  const named = { PostgreSQL: process.env['HEDDLE_TEST_POSTGRES'], 'MariaDB/MySQL': process.env['HEDDLE_TEST_MYSQL'] }
  for (const [name, why] of Object.entries(missing)) {
    const line = `${name} is not covered by this run: ${why}`
    if (process.env['CI'] === 'true' || named[name as keyof typeof named]) throw new Error(line)
    console.log(line)
  }
}

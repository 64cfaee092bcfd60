import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { dropDatabase, openDatabase } from './database.ts'
import { type Engine, EngineUrl, parseUrl } from './heddle.ts'

/** A database for one run of the demo. */
export interface Place {
  readonly engine: Engine
  /** Removes all that the run has made, and closes the engine. */
  close(): Promise<void>
}

/**
 * Without a URL: an SQLite file in a temporary folder, which is removed at the end. With one: tables whose names begin with a
 * prefix that nobody else has, which are dropped at the end. What else is in the database is never touched.
 */
export async function openPlace(url?: string): Promise<Place> {
  return url === undefined ? inTemporaryFolder() : amongOthers(parseUrl(url))
}

async function inTemporaryFolder(): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'heddle-bank-'))
  const remove = () => rmSync(folder, { recursive: true, force: true })
  try {
    const engine = await openDatabase(EngineUrl.create({ scheme: 'sqlite', database: join(folder, 'bank.db') }))
    return { engine, close: () => engine.dispose().finally(remove) }
  } catch (error) {
    remove()
    throw error
  }
}

async function amongOthers(url: EngineUrl): Promise<Place> {
  const made = newFilesOf(url)
  const engine = await openDatabase(url, { prefix: `bank_${randomBytes(6).toString('hex')}_` })
  const close = async () => {
    try {
      await dropDatabase(engine)
    } finally {
      await engine.dispose()
      for (const file of made) rmSync(file, { recursive: true, force: true })
    }
  }
  return { engine, close }
}

/** The files that come into being with the engine, where its database is a file or a folder that is not there yet. */
function newFilesOf({ driver, dialect, database }: EngineUrl): string[] {
  const isFile = dialect === 'sqlite' || driver === 'pglite'
  if (!isFile || database === undefined || existsSync(database)) return []
  return [database, `${database}-wal`, `${database}-shm`]
}

import { type BigIntStats, statSync } from 'node:fs'
import { InvalidRequestError } from '../errors.ts'
import { WriterQueue } from './sqlite-writer-queue.ts'

/** A database file that this process has open, with the line of its writers. */
interface OpenFile {
  /** Which driver's copy of SQLite has it open. */
  readonly driver: string
  readonly writers: WriterQueue
  connections: number
}

/** One connection's part in an open file. */
export interface OpenFileLease {
  readonly writers: WriterQueue
  /** To be called when the connection is closed. Calling it again does nothing. */
  release(): void
}

/** Every file that this thread has open, by device and number, which are the same for all of a file's names and links. */
const openFiles = new Map<string, OpenFile>()

/**
 * Refuses a file that the other SQLite driver has open in this process. Each of them brings a copy of SQLite of its own; the locks of
 * a file belong to the process, so the copies do not see each other's, and one overwrites what the other has committed. Even opening and
 * closing the file once drops the other's locks, so this is asked before.
 *
 * @throws InvalidRequestError
 */
export function refuseSecondLibrary(path: string, driver: string): void {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false })
  const open = found === undefined ? undefined : openFiles.get(keyOf(found))
  if (open === undefined || open.driver === driver) return
  throw new InvalidRequestError(
    `Could not open the SQLite database ${path} with ${driver}: this process has it open with ${open.driver}. Two copies of SQLite ` +
      'in one process do not see each other’s locks and destroy each other’s writes. Use one driver for the file.',
  )
}

/** Registers a connection to a file that it has just opened, so that writers of the same file share one line. */
export function leaseOpenFile(path: string, driver: string): OpenFileLease {
  const key = keyOf(statSync(path, { bigint: true }))
  let file = openFiles.get(key)
  if (file === undefined) {
    file = { driver, writers: new WriterQueue(), connections: 0 }
    openFiles.set(key, file)
  }
  return lease(key, file)
}

function lease(key: string, file: OpenFile): OpenFileLease {
  file.connections++
  let isReleased = false
  const release = () => {
    if (isReleased) return
    isReleased = true
    if (--file.connections === 0) openFiles.delete(key)
  }
  return { writers: file.writers, release }
}

function keyOf(found: BigIntStats): string {
  return `${found.dev}:${found.ino}`
}

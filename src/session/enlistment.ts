import type { BeginOptions } from '../drivers/index.ts'
import type { Connection, Transaction } from '../engine/index.ts'
import { warn } from '../support/index.ts'
import type { JoinTransactionMode } from './options.ts'

/** How the outermost transaction of a session acts on one connection. */
interface Ends {
  commit(): Promise<void>
  rollback(): Promise<void>
  /** Without either: the end of a session that was closed. */
  close(): Promise<void>
}

/** One connection in the transaction of a session, with the savepoints that were set on it. */
export class Enlistment {
  readonly connection: Connection
  readonly #owned: boolean
  readonly #ends: Ends
  readonly #savepoints: Transaction[] = []

  private constructor(connection: Connection, owned: boolean, ends: Ends) {
    this.connection = connection
    this.#owned = owned
    this.#ends = ends
  }

  /** Begins on a connection of the session's own; a failure gives the connection back at once. */
  static async begin(connection: Connection, options: BeginOptions): Promise<Enlistment> {
    try {
      await connection.begin(options)
    } catch (error) {
      await connection.close()
      throw error
    }
    return new Enlistment(connection, true, fullControl(connection))
  }

  /** Joins the transaction that the caller has, or begins one on the caller's connection. */
  static async join(connection: Connection, mode: JoinTransactionMode, options: BeginOptions): Promise<Enlistment> {
    if (!connection.inTransaction()) {
      await connection.begin(options)
      return new Enlistment(connection, false, fullControl(connection))
    }
    return new Enlistment(connection, false, await joinedEnds(connection, mode))
  }

  async savepoint(): Promise<void> {
    this.#savepoints.push(await this.connection.beginNested())
  }

  /** Releases the innermost savepoint. One that could not be released is still there to be rolled back to. */
  async releaseSavepoint(): Promise<void> {
    await this.#savepoints.at(-1)?.commit()
    this.#savepoints.pop()
  }

  async rollbackToSavepoint(): Promise<void> {
    await this.#savepoints.pop()?.rollback()
  }

  commit(): Promise<void> {
    return this.#ends.commit()
  }

  async rollback(): Promise<void> {
    this.#savepoints.length = 0
    await this.#ends.rollback()
  }

  async close(): Promise<void> {
    this.#savepoints.length = 0
    await this.#ends.close()
  }

  /** Gives the connection back where it is the session's own. */
  async release(): Promise<void> {
    if (this.#owned) await this.connection.close()
  }
}

function fullControl(connection: Connection): Ends {
  return {
    commit: () => connection.commit(),
    rollback: () => connection.rollback(),
    close: () => connection.rollback(),
  }
}

async function joinedEnds(connection: Connection, mode: JoinTransactionMode): Promise<Ends> {
  const inSavepoint = mode === 'conditional_savepoint' && connection.inNestedTransaction()
  if (mode === 'control_fully') return fullControl(connection)
  if (mode === 'create_savepoint' || inSavepoint) return savepointEnds(await connection.beginNested())
  return { commit: nothing, rollback: () => connection.rollback(), close: nothing }
}

function savepointEnds(savepoint: Transaction): Ends {
  const rollback = async () => {
    if (savepoint.isActive) await savepoint.rollback()
    else warn('HEDDLE_SAVEPOINT_LOST', 'A session joined a transaction by a savepoint that somebody else has ended.')
  }
  return { commit: () => savepoint.commit(), rollback, close: rollback }
}

async function nothing(): Promise<void> {}

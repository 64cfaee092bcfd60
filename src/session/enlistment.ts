import type { BeginOptions } from '../drivers/index.ts'
import type { Connection, Transaction } from '../engine/index.ts'
import { InvalidRequestError } from '../errors.ts'
import { warn } from '../support/index.ts'
import type { JoinTransactionMode } from './options.ts'

/** How the outermost transaction of a session acts on one connection. */
interface Ends {
  /** The first half of a two-phase commit. */
  prepare?(): Promise<void>
  /** Undefined where it was done within the call. */
  commit(): Promise<void> | undefined
  rollback(): Promise<void>
  /** Without either: the end of a session that was closed. */
  close(): Promise<void>
}

/** One connection in the transaction of a session, with the savepoints that were set on it. */
export class Enlistment {
  readonly connection: Connection
  readonly #owned: boolean
  readonly #ends: Ends
  #savepoints: Transaction[] | undefined

  private constructor(connection: Connection, owned: boolean, ends: Ends) {
    this.connection = connection
    this.#owned = owned
    this.#ends = ends
  }

  /** Begins within the call, on a connection of the session's own; undefined, with nothing done, where something has to be waited for. */
  static tryBegin(connection: Connection, options: BeginOptions): Enlistment | undefined {
    return connection.beginNow(options) ? new Enlistment(connection, true, new FullControl(connection)) : undefined
  }

  /** Begins on a connection of the session's own; a failure gives the connection back at once. */
  static async begin(connection: Connection, options: BeginOptions, twophase: boolean): Promise<Enlistment> {
    try {
      await beginOn(connection, options, twophase)
    } catch (error) {
      await connection.close()
      throw error
    }
    return new Enlistment(connection, true, fullControl(connection))
  }

  /** Joins the transaction that the caller has, or begins one on the caller's connection. */
  static async join(
    connection: Connection,
    mode: JoinTransactionMode,
    options: BeginOptions,
    twophase: boolean,
  ): Promise<Enlistment> {
    if (!connection.inTransaction()) {
      await beginOn(connection, options, twophase)
      return new Enlistment(connection, false, fullControl(connection))
    }
    if (twophase && !(mode === 'control_fully' && connection.inTwoPhase())) throw notToBePrepared(connection)
    return new Enlistment(connection, false, await joinedEnds(connection, mode))
  }

  async savepoint(): Promise<void> {
    const savepoint = await this.connection.beginNested()
    this.#savepoints ??= []
    this.#savepoints.push(savepoint)
  }

  /** Releases the innermost savepoint. One that could not be released is still there to be rolled back to. */
  async releaseSavepoint(): Promise<void> {
    await this.#savepoints?.at(-1)?.commit()
    this.#savepoints?.pop()
  }

  async rollbackToSavepoint(): Promise<void> {
    await this.#savepoints?.pop()?.rollback()
  }

  /** Whether it is prepared before it is committed. */
  get isTwoPhase(): boolean {
    return this.#ends.prepare !== undefined
  }

  /** The first half of a two-phase commit, in a session with the option `twophase`. */
  async prepare(): Promise<void> {
    await this.#ends.prepare?.()
  }

  /** Undefined where it was done within the call. */
  commit(): Promise<void> | undefined {
    return this.#ends.commit()
  }

  /** Leaves what is prepared to be finished by hand. Resolves to its name; undefined where nothing is prepared. */
  leavePrepared(reason: unknown): Promise<string | undefined> {
    return this.connection.leavePrepared(reason)
  }

  async rollback(): Promise<void> {
    this.#savepoints = undefined
    await this.#ends.rollback()
  }

  async close(): Promise<void> {
    this.#savepoints = undefined
    await this.#ends.close()
  }

  /** Gives the connection back where it is the session's own. */
  release(): Promise<void> {
    return this.#owned ? this.connection.close() : settled
  }
}

const settled: Promise<void> = Promise.resolve()

/** The session's transaction is the connection's own. */
class FullControl implements Ends {
  readonly connection: Connection

  constructor(connection: Connection) {
    this.connection = connection
  }

  commit(): Promise<void> | undefined {
    return this.connection.commitSoon()
  }

  rollback(): Promise<void> {
    return this.connection.rollback()
  }

  close(): Promise<void> {
    return this.connection.rollback()
  }
}

/** The same in two phases. */
class FullControlInTwo extends FullControl {
  prepare(): Promise<void> {
    return this.connection.prepare()
  }
}

async function beginOn(connection: Connection, options: BeginOptions, twophase: boolean): Promise<void> {
  await (twophase ? connection.beginTwoPhase(undefined, options) : connection.begin(options))
}

function notToBePrepared({ label }: Connection): InvalidRequestError {
  return new InvalidRequestError(
    `A session with 'twophase' cannot join the transaction that is open on the connection of '${label}', as it could not prepare it. ` +
      "Begin that with beginTwoPhase() and use joinTransactionMode: 'control_fully', or bind the session to the engine.",
  )
}

function fullControl(connection: Connection): Ends {
  return connection.inTwoPhase() ? new FullControlInTwo(connection) : new FullControl(connection)
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

import { randomUUID } from 'node:crypto'
import type { BeginOptions } from '../drivers/index.ts'
import { CommitUnknownError, InvalidRequestError } from '../errors.ts'
import { checkXid, type Dialect, type TwoPhaseTexts, twoPhaseTexts } from '../sql/index.ts'
import { warn } from '../support/index.ts'
import type { Wire } from './wire.ts'

/** @throws InvalidRequestError where the database has no two-phase commit */
export function requireTwoPhase(dialect: Dialect, attempt: string): TwoPhaseTexts {
  const texts = twoPhaseTexts(dialect)
  if (texts !== undefined) return texts
  throw new InvalidRequestError(
    `Cannot ${attempt}: ${dialect.name} has no two-phase commit (the capability 'twoPhase' is false). ` +
      'Use an ordinary transaction there, in a session of its own',
  )
}

/** The name given, checked, or a new one. */
export function xidFor(dialect: Dialect, given: string | undefined, attempt: string): string {
  const texts = requireTwoPhase(dialect, attempt)
  const xid = given ?? `heddle_${randomUUID()}`
  checkXid(xid, texts)
  return xid
}

export async function beginTwoPhase(wire: Wire, options: BeginOptions, xid: string): Promise<void> {
  await wire.begin(options, textsOf(wire).begin(xid, options))
  wire.tellTwophase('beginTwophase', xid)
}

export async function prepareTwoPhase(wire: Wire, xid: string): Promise<void> {
  const texts = textsOf(wire)
  try {
    for (const sql of texts.prepare(xid)) await wire.command(sql)
  } catch (error) {
    const advice = texts.advice(causeOf(error))
    if (advice !== undefined) append(error, `The transaction cannot be prepared: ${advice}`)
    if (wire.isGone) append(error, `The transaction may or may not be prepared as '${xid}': ask recoverTwoPhase()`)
    throw error
  }
  wire.tellTwophase('prepareTwophase', xid)
}

/** Rolls back a transaction that is not prepared. A connection that cannot is discarded, and the server then rolls back. */
export async function rollbackUnprepared(wire: Wire, xid: string): Promise<void> {
  const abandon = wire.isGone ? undefined : textsOf(wire).abandon(xid)
  if (abandon === undefined) {
    await wire.rollback()
    return wire.tellTwophase('rollbackTwophase', xid)
  }
  try {
    if (wire.status === 'failed') await wire.driver.rollback()
    await wire.command(abandon.end).catch(() => {
      // It has ended on the server already, because of an error or because PREPARE failed.
    })
    await wire.command(abandon.rollback)
  } catch (error) {
    wire.discard(error)
    throw error
  }
  wire.tellEnd('rollback')
  wire.tellTwophase('rollbackTwophase', xid)
}

/** @throws CommitUnknownError when the connection was lost before the answer came */
export async function commitPrepared(wire: Wire, xid: string): Promise<void> {
  try {
    await wire.command(textsOf(wire).commit(xid))
  } catch (error) {
    if (!wire.isGone)
      throw append(
        error,
        `The transaction '${xid}' was not committed by this call, and may be prepared still: ask recoverTwoPhase()`,
      )
    throw new CommitUnknownError(
      `The commit of the prepared transaction '${xid}' was sent and the connection was lost before its answer came: ` +
        `${messageOf(error)}. It is committed, or prepared still: ask recoverTwoPhase(), and finish it with commitPrepared()`,
      { cause: error, connectionInvalidated: true },
    )
  }
  wire.tellEnd('commit')
  wire.tellTwophase('commitTwophase', xid)
}

export async function rollbackPrepared(wire: Wire, xid: string): Promise<void> {
  try {
    await wire.command(textsOf(wire).rollback(xid))
  } catch (error) {
    throw append(error, `The transaction '${xid}' may be prepared still: ask recoverTwoPhase()`)
  }
  wire.tellEnd('rollback')
  wire.tellTwophase('rollbackTwophase', xid)
}

export async function recoverTwoPhase(wire: Wire): Promise<readonly string[]> {
  const texts = requireTwoPhase(wire.dialect, 'look for prepared transactions')
  return texts.xidsIn((await wire.command(texts.recover)).rows)
}

function textsOf(wire: Wire): TwoPhaseTexts {
  return requireTwoPhase(wire.dialect, 'use a two-phase transaction')
}

/** Says more in an error's own message. */
function append<E>(error: E, more: string): E {
  if (error instanceof Error) error.message = `${error.message.replace(/\.$/, '')}. ${more}`
  return error
}

function causeOf(error: unknown): unknown {
  return error instanceof Error && error.cause !== undefined ? error.cause : error
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A server that did not roll a prepared transaction back keeps it, with its locks, until somebody does. */
export function warnOfPrepared(wire: Wire, label: string, error: unknown): void {
  wire.discard(error)
  warn('HEDDLE_LEFT_PREPARED', `The connection of '${label}' was closed: ${(error as Error).message}`)
}

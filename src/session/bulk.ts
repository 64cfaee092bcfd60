import { InvalidRequestError } from '../errors.ts'
import { type Assignment, type BulkWrite, type Reader, readByKeys, settled } from '../loading/index.ts'
import { type ColumnModel, isKindOf, linksOf } from '../mapping/index.ts'
import { type InstanceState, identityOf } from '../state/index.ts'
import type { SessionCore } from './core.ts'
import { readerFor } from './run-orm.ts'

/** What a bulk write has done. */
export interface BulkResult {
  readonly rowCount: number
  /** The updated instances, where they were wanted. */
  readonly instances: object[]
}

/** A row as a bulk write tells it: the columns that it was asked for, by their index. */
export type WrittenRow = ReadonlyMap<number, unknown>

/**
 * Runs an UPDATE or DELETE of many rows inside an operation, and makes the session's instances agree.
 *
 * @throws InvalidRequestError where the conditions were to be decided in memory and cannot be
 */
export async function runBulk(core: SessionCore, write: BulkWrite, label: string): Promise<BulkResult> {
  core.rows.refuseBetween(label)
  const evaluates = decideByMemory(write, label)
  await core.autoflushNow(label, write.autoflush)
  const connection = await readerFor(core, { call: label, model: write.model })
  const result = evaluates ? await writeEvaluated(core, connection, write) : await writeFetched(core, connection, write)
  const { session } = core
  const event = { session, entity: write.model.entityClass, rowCount: result.rowCount }
  await core.tell(write.verb === 'update' ? 'afterBulkUpdate' : 'afterBulkDelete', event)
  return result
}

/** Whether the rows are known without asking the database, or nobody wants to know. */
function decideByMemory({ synchronize, matches, returning }: BulkWrite, label: string): boolean {
  if (returning) return false
  if (synchronize === 'evaluate' && matches === undefined) {
    throw new InvalidRequestError(
      `${label}: its conditions cannot be decided in memory (joins, expressions, text in a database that compares it its own way); ` +
        "use synchronize: 'fetch', 'auto' or false.",
    )
  }
  return synchronize === false || synchronize === 'evaluate' || (synchronize === 'auto' && matches !== undefined)
}

async function run(core: SessionCore, connection: Reader, write: BulkWrite, returning: readonly ColumnModel[]) {
  const { executionOptions } = write
  const statement = settled(write.statement(returning))
  const outcome = await connection.run(executionOptions === undefined ? statement : { ...statement, executionOptions })
  core.transaction?.snapshot.noteWrite()
  return outcome
}

async function writeEvaluated(core: SessionCore, connection: Reader, write: BulkWrite): Promise<BulkResult> {
  const { matches, synchronize } = write
  const found = synchronize === false || matches === undefined ? [] : decided(core, write, matches)
  const { rowCount } = await run(core, connection, write, [])
  for (const [state, isSure] of found) settle(core, write, state, isSure ? undefined : 'unsure')
  return { rowCount, instances: [] }
}

/** The instances that are among the rows, and those of which it is not known. */
function decided(core: SessionCore, { model }: BulkWrite, matches: NonNullable<BulkWrite['matches']>) {
  const found: [InstanceState, boolean][] = []
  for (const state of core.unit.map.of(model).values()) {
    if (!isKindOf(state.model, model)) continue
    const { originals, values } = state
    const verdict = matches((index) => (originals?.has(index) === true ? originals.get(index) : values[index]))
    if (verdict !== false && verdict !== null) found.push([state, verdict === true])
  }
  return found
}

async function writeFetched(core: SessionCore, connection: Reader, write: BulkWrite): Promise<BulkResult> {
  const { model, verb, assignments, returning } = write
  const { updateReturning, deleteReturning } = connection.dialect.capabilities
  const set = assignments.map(({ column }) => column)
  const wanted = [...new Set([...model.key, ...(returning ? model.loaded : set)])]
  // What is written of a class that inherits is one of its tables, which does not tell the rest.
  const isTold = model.inheritance === undefined && (verb === 'update' ? updateReturning : deleteReturning)
  if (isTold) {
    const columns = verb === 'update' ? wanted : model.key
    const { rows, rowCount } = await run(core, connection, write, columns)
    const written = rows.map((row) => readWrittenRow(connection, columns, row as readonly unknown[]))
    for (const row of written) settleRow(core, write, row, row)
    return { rowCount, instances: returning ? await instancesOf(core, write, written) : [] }
  }
  const { rows } = await connection.run(settled(write.keys()))
  const written = rows.map((row) => readWrittenRow(connection, model.key, row as readonly unknown[]))
  const { rowCount } = await run(core, connection, write, [])
  for (const row of written) settleRow(core, write, row, undefined)
  return { rowCount, instances: returning ? await instancesOf(core, write, written) : [] }
}

/** A row of the driver's values as the program's, by column. */
export function readWrittenRow(
  { dialect }: Reader,
  columns: readonly ColumnModel[],
  row: readonly unknown[],
): WrittenRow {
  return new Map(
    columns.map((column, place) => {
      const decode = dialect.codec(column.type).decode as ((value: unknown) => unknown) | undefined
      const value = row[place] ?? null
      return [column.index, value === null || decode === undefined ? value : decode(value)]
    }),
  )
}

function keyOf({ model }: BulkWrite, row: WrittenRow): unknown[] {
  return model.key.map(({ index }) => row.get(index))
}

function settleRow(core: SessionCore, write: BulkWrite, row: WrittenRow, stored: WrittenRow | undefined): void {
  const identity = identityOf(write.model, keyOf(write, row))
  const state = identity === undefined ? undefined : core.unit.find(write.model, identity)
  if (state !== undefined) settle(core, write, state, stored)
}

/** The instances of written rows, in the order in which the database told them; read where the session lacks them. */
async function instancesOf(core: SessionCore, write: BulkWrite, written: readonly WrittenRow[]): Promise<object[]> {
  const { model } = write
  const { unit } = core
  const source = { unit, connectionFor: () => core.connectionFor(model, 'update()') }
  const keys = written.map((row) => keyOf(write, row))
  const stateAt = (key: readonly unknown[]) => {
    const identity = identityOf(model, key)
    return identity === undefined ? undefined : unit.find(model, identity)
  }
  const isComplete = (state: InstanceState | undefined) =>
    state !== undefined && model.loaded.every(({ index }) => state.values[index] !== undefined)
  const missing = keys.filter((key) => !isComplete(stateAt(key)))
  if (missing.length > 0) await readByKeys(source, model, missing)
  return keys.map((key) => stateAt(key)?.instance).filter((instance) => instance !== undefined)
}

/** Makes one instance agree with what was written; `stored` are the values that the database told. */
function settle(
  core: SessionCore,
  write: BulkWrite,
  state: InstanceState,
  stored: WrittenRow | 'unsure' | undefined,
): void {
  const { unit } = core
  unit.snapshot?.noteChange(state)
  if (write.verb === 'delete') {
    if (stored === 'unsure') unit.expire(state)
    else unit.becomeDeleted(state)
    return
  }
  for (const assignment of write.assignments) settleValue(state, assignment, stored)
  forgetMoved(state, new Set(write.assignments.map(({ column }) => column)))
}

/** An unflushed change of the program stays; what it replaces is known anew. */
function settleValue(
  state: InstanceState,
  { column, value, next }: Assignment,
  stored: WrittenRow | 'unsure' | undefined,
): void {
  const { index } = column
  const { originals, values } = state
  const isChanged = originals?.has(index) === true
  const before = isChanged ? originals.get(index) : values[index]
  const told = stored === undefined ? (next === undefined ? value : next(before)) : undefined
  const now = stored instanceof Map ? stored.get(index) : told
  if (isChanged) originals.set(index, now)
  else values[index] = now
}

/** Makes an instance agree with its row, but for changes that are not flushed. */
export function settleStored({ unit }: SessionCore, state: InstanceState, stored: WrittenRow): void {
  unit.snapshot?.noteChange(state)
  const moved = new Set<ColumnModel>()
  for (const [index, value] of stored) {
    if (state.originals?.has(index) === true) state.originals.set(index, value)
    else {
      if (state.values[index] !== value) moved.add(state.model.columns[index] as ColumnModel)
      state.values[index] = value
    }
  }
  forgetMoved(state, moved)
}

/** What a foreign key led to is another instance now. */
export function forgetMoved(state: InstanceState, set: ReadonlySet<ColumnModel>): void {
  const { related } = state
  if (related === undefined) return
  for (const link of linksOf(state.model)) {
    const isMoved = link.holder === 'source' && link.pairs.some(({ source }) => set.has(source))
    if (isMoved && state.relatedOriginals?.has(link.index) !== true) related[link.index] = undefined
  }
}

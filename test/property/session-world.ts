import { expect } from 'vitest'
import { type Engine, NotLoadedError, type Session, type SessionTransaction, sql, state } from '../../src/index.ts'
import { Tag } from '../behaviour/people.ts'

/** One step of a program that uses a session. Steps that make no sense where they come are left out. */
export interface Step {
  readonly kind:
    | 'add'
    | 'set'
    | 'delete'
    | 'undelete'
    | 'flush'
    | 'savepoint'
    | 'release'
    | 'rollback to savepoint'
    | 'commit'
    | 'rollback'
    | 'expunge'
    | 'put back'
    | 'get'
    | 'query'
    | 'fail'
  readonly code: string
  readonly label: string
}

/** What should be known about one instance. */
interface Expected {
  readonly instance: Tag
  readonly code: string
  status: 'pending' | 'persistent' | 'deleted' | 'out'
  label: string
  /** The label as last read or flushed. */
  stored: string
  doomed: boolean
  expired: boolean
}

type Facts = Pick<Expected, 'status' | 'label' | 'stored' | 'expired'>

/** How things were when a transaction, or a savepoint in it, began. */
interface Level {
  readonly rows: ReadonlyMap<string, string>
  readonly facts: ReadonlyMap<Expected, Facts>
  /** What has come into the session, or left it, since then. */
  readonly moved: Set<Expected>
  readonly savepoint: SessionTransaction | undefined
}

/** A session, and a simple model of what it should be. */
export class SessionWorld {
  readonly #session: Session
  readonly #engine: Engine
  /** The rows as the transaction should see them. */
  #rows = new Map<string, string>()
  /** Everything the program holds, in the session or out of it. */
  readonly #known: Expected[] = []
  #levels: Level[] = []

  constructor(session: Session, engine: Engine) {
    this.#session = session
    this.#engine = engine
    this.#push(undefined)
  }

  async run(step: Step): Promise<void> {
    await this.#perform(step)
    this.#compare()
  }

  async end(): Promise<void> {
    await this.#rollback()
    this.#compare()
    await this.#session.close()
    expect(this.#engine.pool.status().checkedOut).toBe(0)
  }

  async #perform({ kind, code, label }: Step): Promise<void> {
    const inside = this.#inside(code)
    if (kind === 'add') return this.#add(code, label)
    if (kind === 'set' && inside !== undefined && !inside.doomed) return this.#set(inside, label)
    if (kind === 'delete' && inside?.status === 'persistent') return this.#delete(inside)
    if (kind === 'undelete' && inside?.doomed === true && !this.#isTaken(code, inside)) return this.#undelete(inside)
    if (kind === 'expunge' && inside !== undefined) return this.#expunge(inside)
    if (kind === 'put back') return this.#putBack(code)
    if (kind === 'flush') return this.#flush()
    if (kind === 'savepoint' && this.#levels.length < 4) return this.#beginSavepoint()
    if (kind === 'release' && this.#levels.length > 1) return this.#release()
    if (kind === 'rollback to savepoint' && this.#levels.length > 1) return this.#rollbackToSavepoint()
    if (kind === 'commit') return this.#commit()
    if (kind === 'rollback') return this.#rollback()
    if (kind === 'get') return this.#get(code)
    if (kind === 'query') return this.#query()
    if (kind === 'fail' && inside?.status === 'persistent' && !inside.doomed) return this.#fail(code)
  }

  // --------------------------------------------------------------------------------------------- instances

  #add(code: string, label: string): void {
    const inside = this.#inside(code)
    if (inside !== undefined && !inside.doomed) return
    if (inside === undefined && this.#rows.has(code)) return
    const instance = new Tag({ code, label })
    this.#session.add(instance)
    const expected: Expected = {
      instance,
      code,
      status: 'pending',
      label,
      stored: label,
      doomed: false,
      expired: false,
    }
    this.#known.push(expected)
    this.#moved(expected)
  }

  async #set(expected: Expected, label: string): Promise<void> {
    if (expected.expired) await this.#readAgain(expected)
    expected.instance.label = label
    expected.label = label
  }

  #delete(expected: Expected): void {
    this.#session.delete(expected.instance)
    expected.doomed = true
  }

  #undelete(expected: Expected): void {
    this.#session.add(expected.instance)
    expected.doomed = false
  }

  #expunge(expected: Expected): void {
    this.#session.expunge(expected.instance)
    expected.doomed = false
    expected.status = 'out'
    this.#moved(expected)
  }

  /** What has left the session comes back: as a new row, or for the row that there is. */
  #putBack(code: string): void {
    if (this.#inside(code) !== undefined) return
    const fits = (each: Expected) =>
      each.code === code && each.status === 'out' && state(each.instance).transient !== this.#rows.has(code)
    const expected = this.#known.findLast(fits)
    if (expected === undefined) return
    this.#session.add(expected.instance)
    const isNew = state(expected.instance).pending
    expected.status = isNew ? 'pending' : 'persistent'
    expected.expired = isExpired(expected.instance)
    if (isNew) expected.stored = expected.label
    if (expected.expired) expected.label = expected.stored
    this.#moved(expected)
  }

  async #get(code: string): Promise<void> {
    const present = this.#persistent(code)
    const needsRead = present === undefined || present.expired
    const found = await this.#session.get(Tag, code)
    if (needsRead) this.#expectAutoflush()
    this.#meet(code, found)
  }

  async #query(): Promise<void> {
    const found = await this.#session.query(Tag).orderBy('code').all()
    this.#expectAutoflush()
    expect(found.map((tag) => state(tag).key?.[0])).toEqual([...this.#rows.keys()].toSorted())
    for (const tag of found) this.#meet(String(state(tag).key?.[0]), tag)
  }

  async #readAgain(expected: Expected): Promise<void> {
    await this.#session.refresh(expected.instance)
    this.#expectAutoflush()
    this.#seen(expected)
  }

  /** The session gave an instance for a key: the one it has, or a new one with what is stored. */
  #meet(code: string, found: Tag | null): void {
    const present = this.#persistent(code)
    if (present !== undefined) {
      expect(found).toBe(present.instance)
      if (present.expired) this.#seen(present)
    } else if (found === null) {
      expect(this.#rows.has(code)).toBe(false)
    } else {
      const label = this.#rows.get(code) as string
      const expected: Expected = {
        instance: found,
        code,
        status: 'persistent',
        label,
        stored: label,
        doomed: false,
        expired: false,
      }
      expect(this.#known.some((each) => each.instance === found)).toBe(false)
      this.#known.push(expected)
      this.#moved(expected)
    }
  }

  #seen(expected: Expected): void {
    expected.expired = false
    expected.stored = this.#rows.get(expected.code) as string
    expected.label = expected.stored
    this.#moved(expected)
  }

  // ------------------------------------------------------------------------------------------------- flush

  async #flush(): Promise<void> {
    await this.#session.flush()
    this.#flushed()
  }

  #expectAutoflush(): void {
    if (this.#session.autoflush) this.#flushed()
  }

  #flushed(): void {
    for (const expected of this.#known) {
      if (!expected.doomed) continue
      expected.doomed = false
      expected.status = 'deleted'
      this.#rows.delete(expected.code)
    }
    for (const expected of this.#known) {
      const isChanged = expected.status === 'persistent' && expected.label !== expected.stored
      if (expected.status !== 'pending' && !isChanged) continue
      expected.status = 'persistent'
      expected.stored = expected.label
      this.#rows.set(expected.code, expected.label)
    }
  }

  /** A row that is there is inserted once more. */
  async #fail(code: string): Promise<void> {
    await this.#flush()
    const double = new Tag({ code, label: 'double' })
    this.#session.add(double)
    await expect(this.#session.flush()).rejects.toThrow()
    expect(this.#session.isActive).toBe(false)
    await expect(this.#session.query(Tag).all()).rejects.toThrow()
    if (this.#levels.length > 1) await this.#rollbackToSavepoint()
    else await this.#rollback()
    expect(state(double).transient).toBe(true)
  }

  // ------------------------------------------------------------------------------------------------- levels

  async #beginSavepoint(): Promise<void> {
    const savepoint = await this.#session.beginNested()
    this.#flushed()
    this.#push(savepoint)
  }

  async #release(): Promise<void> {
    await this.#levels.at(-1)?.savepoint?.commit()
    this.#flushed()
    this.#pop(false)
  }

  async #rollbackToSavepoint(): Promise<void> {
    await this.#levels.at(-1)?.savepoint?.rollback()
    this.#pop(true)
  }

  async #commit(): Promise<void> {
    await this.#session.commit()
    this.#flushed()
    this.#levels = []
    for (const expected of this.#known) if (expected.status === 'deleted') expected.status = 'out'
    expect(await this.#stored()).toEqual(sorted(this.#rows))
    this.#push(undefined)
  }

  async #rollback(): Promise<void> {
    await this.#session.rollback()
    while (this.#levels.length > 1) this.#pop(false)
    this.#pop(true)
    this.#push(undefined)
    expect(await this.#stored()).toEqual(sorted(this.#rows))
  }

  #push(savepoint: SessionTransaction | undefined): void {
    const facts = new Map<Expected, Facts>()
    for (const expected of this.#known) {
      const { status, label, stored, expired } = expected
      facts.set(expected, { status, label, stored, expired })
    }
    this.#levels.push({ rows: new Map(this.#rows), facts, moved: new Set(), savepoint })
  }

  #pop(isUndone: boolean): void {
    const level = this.#levels.pop() as Level
    const outer = this.#levels.at(-1)
    if (isUndone) this.#undo(level)
    for (const expected of level.moved) outer?.moved.add(expected)
  }

  #undo(level: Level): void {
    this.#rows = new Map(level.rows)
    for (const expected of this.#known) {
      const before = level.facts.get(expected)
      if (level.moved.has(expected)) this.#undoMoved(expected, before)
      else if (before !== undefined) Object.assign(expected, before)
      expected.doomed = false
    }
  }

  /**
   * What came in since the beginning stays out if it has no row; what came in for a row that there is may be read again. What left
   * does not come back.
   */
  #undoMoved(expected: Expected, before: Facts | undefined): void {
    if (expected.status === 'out') return
    const inside = state(expected.instance).persistent
    if (expected.status === 'pending' || !this.#rows.has(expected.code)) {
      expect([expected.code, inside]).toEqual([expected.code, false])
      // Its values stay, or go back to the beginning of a savepoint that was open; neither is promised.
      if (state(expected.instance).transient) expected.label = String(expected.instance.label)
      expected.status = 'out'
      return
    }
    if (!inside) {
      // The row that there is was deleted and inserted again by this instance: the one before has it back.
      expect(before?.status).not.toBe('persistent')
      expected.status = 'out'
      return
    }
    expected.status = 'persistent'
    expected.expired = isExpired(expected.instance)
    if (!expected.expired) expected.stored = expected.instance.label as string
    expected.label = expected.stored
  }

  // ------------------------------------------------------------------------------------------------ checking

  #compare(): void {
    const inside = this.#known.filter(({ status }) => status === 'persistent' || status === 'pending')
    for (const { instance, status, label, doomed, expired } of inside) {
      expect([state(instance).status, isExpired(instance)]).toEqual([status, expired])
      if (!expired) expect([instance.code, instance.label]).toEqual([state(instance).key?.[0] ?? instance.code, label])
      expect(this.#session.deleted.has(instance)).toBe(doomed)
    }
    for (const { instance, status } of this.#known)
      if (status === 'out') expect(this.#session.has(instance)).toBe(false)
    const pending = inside.filter(({ status }) => status === 'pending').map(({ instance }) => instance)
    expect([...this.#session.new]).toEqual(expect.arrayContaining(pending))
    expect(this.#session.new.size).toBe(pending.length)
    expect(this.#session.identityMap.size).toBe(inside.length - pending.length)
    expect(this.#engine.pool.status().checkedOut).toBeLessThanOrEqual(1)
  }

  /** The instance that stands for a key in the session; a new one before a doomed one. */
  #inside(code: string): Expected | undefined {
    const here = this.#known.filter(
      (each) => each.code === code && (each.status === 'pending' || each.status === 'persistent'),
    )
    return here.find(({ status }) => status === 'pending') ?? here[0]
  }

  #persistent(code: string): Expected | undefined {
    return this.#known.find((each) => each.code === code && each.status === 'persistent')
  }

  #isTaken(code: string, by: Expected): boolean {
    return this.#known.some((each) => each !== by && each.code === code && each.status === 'pending')
  }

  #moved(expected: Expected): void {
    this.#levels.at(-1)?.moved.add(expected)
  }

  /** What is stored, read on a connection of its own. */
  #stored(): Promise<[string, string][]> {
    return this.#engine.begin(async (connection) => {
      const { rows } = await connection.execute<{ code: string; label: string }>(sql`select code, label from tags`)
      return sorted(new Map(rows.map(({ code, label }) => [code, label])))
    })
  }
}

function isExpired(instance: Tag): boolean {
  try {
    return instance.label === undefined
  } catch (error) {
    if (error instanceof NotLoadedError) return true
    throw error
  }
}

function sorted(rows: ReadonlyMap<string, string>): [string, string][] {
  return [...rows].toSorted(([a], [b]) => (a < b ? -1 : 1))
}

import { IllegalStateChangeError } from '../errors.ts'
import { isThenable } from './thenable.ts'
import { callSite } from './trace.ts'

/** One legal move of a status. */
export interface Move<State extends string> {
  /** The states in which the method may be called. */
  readonly from: readonly State[]
  /**
   * The state after it. Several: the method chooses one with `become`. Left out: the method leaves the state as it is.
   */
  readonly to?: State | readonly State[]
  /** The state while the method runs, where that is longer than an instant. */
  readonly during?: State
  /** The state after the method threw. Left out: the state before it, or where a nested move has led. */
  readonly failsTo?: State
}

/** The table of all legal moves of one kind of thing. */
export interface LifecycleDefinition<State extends string, Method extends string> {
  /** What has the status, as errors tell it: 'session transaction'. */
  readonly name: string
  readonly initial: State
  readonly moves: { readonly [Name in Method]: Move<State> }
}

/** A checked {@link LifecycleDefinition}; makes one {@link Machine} for each object. */
export interface Lifecycle<State extends string, Method extends string> {
  readonly definition: LifecycleDefinition<State, Method>
  /** @param name how errors name this very object; by default the definition's name */
  create(name?: string): Machine<State, Method>
  /**
   * The state after a move that takes no time: for objects that are too many to have a machine each.
   * @throws IllegalStateChangeError when the move is not legal in `state`
   */
  next(state: State, method: Method): State
}

/**
 * Declares the states of something and the only moves between them.
 *
 * @example
 * const door = defineLifecycle({
 *   name: 'door',
 *   initial: 'open',
 *   moves: {
 *     close: { from: ['open'], to: 'closed', during: 'closing' },
 *     open: { from: ['closed'], to: 'open' },
 *   },
 * })
 * const machine = door.create()
 * await machine.run('close', () => swing())
 * machine.enter('open')
 */
export function defineLifecycle<const State extends string, Method extends string>(
  definition: LifecycleDefinition<State, Method>,
): Lifecycle<State, Method> {
  return {
    definition,
    create: (name = definition.name) => new Machine(definition, name),
    next: (state, method) => nextState(definition, state, method),
  }
}

function nextState<State extends string, Method extends string>(
  { name, moves }: LifecycleDefinition<State, Method>,
  state: State,
  method: Method,
): State {
  const move = moves[method]
  if (move.from.includes(state)) return onlyTarget(move) ?? state
  throw illegal(method, name, state, `is allowed only in ${list(move.from)}`)
}

/** One method under way. */
interface Running<State, Method> {
  readonly method: Method
  readonly since: string | undefined
  /** The state to go back to when the method ends illegally. */
  readonly before: State
  /** Where the method that announced this one expects it to lead. */
  readonly expected: State | undefined
  /** The method inside which this one runs. */
  readonly outer: Running<State, Method> | undefined
  /** Whether the method, or one inside it, has moved the state. */
  moved: boolean
}

/**
 * The status of one object. It changes by `enter` (at once) and `run` (around work that may take time), never otherwise. While one
 * method runs every other one is refused, unless the running one has announced it with `expecting`. `enter` allocates nothing.
 */
export class Machine<State extends string, Method extends string> {
  readonly #definition: LifecycleDefinition<State, Method>
  readonly #name: string
  #state: State
  /** The innermost method under way. */
  #running: Running<State, Method> | undefined
  /** Where the next call must lead. Set only during the synchronous part of `expecting`, so that nobody else can slip in. */
  #expected: State | undefined

  constructor(definition: LifecycleDefinition<State, Method>, name: string) {
    this.#definition = definition
    this.#name = name
    this.#state = definition.initial
  }

  get state(): State {
    return this.#state
  }

  /** The method under way, `undefined` when none is. */
  get running(): Method | undefined {
    return this.#running?.method
  }

  /** Whether `method` could be called now. */
  allows(method: Method): boolean {
    return this.#running === undefined && this.#definition.moves[method].from.includes(this.#state)
  }

  /**
   * Throws unless `method` could be called now; moves nothing.
   *
   * @throws IllegalStateChangeError naming the state, or the method under way
   */
  check(method: Method): void {
    this.#admit(method, undefined)
  }

  /**
   * Moves at once.
   *
   * @param to which of the declared states, where the move declares several
   * @throws IllegalStateChangeError when the state or a method under way forbids it; the state is then as before
   */
  enter(method: Method, to?: State): void {
    this.#admit(method, this.#takeExpected())
    const move = this.#definition.moves[method]
    if (move.to === undefined && to === undefined) return
    const target = to ?? onlyTarget(move)
    if (target === undefined) throw this.#illegal(method, `must say to which of its states it leads: ${list(move.to)}`)
    this.#moveTo(target, method)
  }

  /**
   * Runs the body of a method and moves when it has ended: within the call when `work` is synchronous, when its promise settles
   * otherwise. An error of `work` is thrown on; the state is then `failsTo`, or where a nested move has led, or as before.
   *
   * @throws IllegalStateChangeError when the method may not be called now, or when its body ends in a state that is not declared;
   * the state is then as before
   */
  run<T>(method: Method, work: () => T): T {
    const running = this.#begin(method)
    let result: T
    try {
      result = work()
    } catch (error) {
      this.#fail(running)
      throw error
    }
    if (isThenable(result)) return this.#settleLater(running, result) as T
    this.#succeed(running)
    return result
  }

  /**
   * Only inside `run`: moves within the running method, which is needed where several end states are declared.
   *
   * @throws IllegalStateChangeError when the state is none of them, or no method runs
   */
  become(state: State): void {
    const running = this.#running
    if (running === undefined)
      throw new IllegalStateChangeError(`Cannot move ${this.#name} to '${state}': no method runs`)
    this.#moveTo(state, running.method)
  }

  /**
   * Only inside `run`: announces that `call` calls another method of this machine, which leads to `state`. The announcement is good
   * for one method, called in the synchronous part of `call`.
   *
   * @throws IllegalStateChangeError when that method leads elsewhere, or when none was called
   */
  expecting<T>(state: State, call: () => T): T {
    const running = this.#running
    if (running === undefined)
      throw new IllegalStateChangeError(`Cannot expect ${this.#name} in '${state}': no method runs`)
    this.#expected = state
    let result: T
    try {
      result = call()
    } catch (error) {
      this.#expected = undefined
      throw error
    }
    if (this.#takeExpected() === undefined) return result
    throw this.#illegal(running.method, `announced a move to '${state}' that no call made`)
  }

  #begin(method: Method): Running<State, Method> {
    const expected = this.#takeExpected()
    this.#admit(method, expected)
    const outer = this.#running
    const running = { method, since: callSite(), before: this.#state, expected, outer, moved: false }
    this.#running = running
    this.#state = this.#definition.moves[method].during ?? this.#state
    return running
  }

  #succeed(running: Running<State, Method>): void {
    const { method, before } = running
    const move = this.#definition.moves[method]
    if (!running.moved) this.#state = onlyTarget(move) ?? before
    const problem = this.#problemWith(running, move)
    if (problem !== undefined) this.#state = before
    this.#leave(running)
    if (problem !== undefined) throw this.#illegal(method, problem)
  }

  #problemWith(running: Running<State, Method>, move: Move<State>): string | undefined {
    const { before, expected } = running
    const chosen = running.moved || move.to === undefined || onlyTarget(move) !== undefined
    if (!chosen) return `did not move the state at all, but leads to ${list(move.to)}`
    const fits = leadsTo(move, this.#state, before) && (expected === undefined || this.#state === expected)
    return fits ? undefined : `ended in the state '${this.#state}', but leads to ${list(expected ?? move.to ?? before)}`
  }

  #fail(running: Running<State, Method>): void {
    const { failsTo } = this.#definition.moves[running.method]
    if (failsTo !== undefined) {
      this.#state = failsTo
      running.moved = true
    } else if (!running.moved) {
      this.#state = running.before
    }
    this.#leave(running)
  }

  async #settleLater<T>(running: Running<State, Method>, result: PromiseLike<T>): Promise<T> {
    let value: T
    try {
      value = await result
    } catch (error) {
      this.#fail(running)
      throw error
    }
    this.#succeed(running)
    return value
  }

  #leave(running: Running<State, Method>): void {
    const { outer } = running
    if (outer !== undefined && this.#state !== running.before) outer.moved = true
    this.#running = outer
  }

  #takeExpected(): State | undefined {
    const expected = this.#expected
    this.#expected = undefined
    return expected
  }

  #admit(method: Method, expected: State | undefined): void {
    const move = this.#definition.moves[method]
    if (this.#running !== undefined && expected === undefined) throw this.#collision(method, this.#running)
    if (!move.from.includes(this.#state)) throw this.#illegal(method, `is allowed only in ${list(move.from)}`)
    if (expected === undefined || leadsTo(move, expected, this.#state)) return
    throw this.#illegal(method, `leads to ${list(move.to ?? this.#state)}, but a move to '${expected}' was announced`)
  }

  #moveTo(state: State, method: Method): void {
    const move = this.#definition.moves[method]
    if (!leadsTo(move, state, this.#state)) {
      throw this.#illegal(method, `may not lead to '${state}', only to ${list(move.to ?? this.#state)}`)
    }
    this.#state = state
    if (this.#running !== undefined) this.#running.moved = true
  }

  #illegal(method: Method, reason: string): IllegalStateChangeError {
    return illegal(method, this.#name, this.#state, reason)
  }

  #collision(method: Method, running: Running<State, Method>): IllegalStateChangeError {
    const here = callSite()
    const places = [
      running.since === undefined ? '' : `\n${running.method}() was called\n${running.since}`,
      here === undefined ? '' : `\n${method}() was called\n${here}`,
    ].join('')
    return new IllegalStateChangeError(
      `Illegal ${method}() on ${this.#name}: ${running.method}() is under way. ` +
        `Await ${running.method}() before calling ${method}()${places}`,
    )
  }
}

function illegal(method: string, name: string, state: string, reason: string): IllegalStateChangeError {
  return new IllegalStateChangeError(
    `Illegal ${method}() on ${name}, which is in the state '${state}': ${method}() ${reason}`,
  )
}

/**
 * The table as a state diagram in mermaid's notation, for documents that are generated from the code.
 *
 * @example
 * describeLifecycle(door.definition) // 'stateDiagram-v2\n  [*] --> open\n  open --> closing: close()\n …'
 */
export function describeLifecycle<State extends string, Method extends string>(
  definition: LifecycleDefinition<State, Method>,
): string {
  const lines = new Set([`[*] --> ${identifier(definition.initial)}`])
  const arrow = (from: string, to: string, label: string) => {
    lines.add(`${identifier(from)} --> ${identifier(to)}: ${label}`)
  }
  for (const [method, move] of Object.entries<Move<State>>(definition.moves)) {
    for (const from of move.from) {
      if (move.during !== undefined) arrow(from, move.during, `${method}()`)
      const start = move.during ?? from
      for (const to of targets(move, from)) arrow(start, to, move.during === undefined ? `${method}()` : 'done')
      if (move.failsTo !== undefined) arrow(start, move.failsTo, `${method}() fails`)
      else if (move.during !== undefined) arrow(start, from, 'failed')
    }
  }
  return ['stateDiagram-v2', ...[...lines].map((line) => `  ${line}`)].join('\n')
}

function identifier(state: string): string {
  return state.replaceAll(/[^A-Za-z0-9_]/g, '_')
}

/** A move without a target leaves the state as it was, and so leads only there. */
function targets<State extends string>(move: Move<State>, before: State): readonly State[] {
  if (move.to === undefined) return [before]
  return typeof move.to === 'string' ? [move.to] : (move.to as readonly State[])
}

function leadsTo<State extends string>(move: Move<State>, state: State, before: State): boolean {
  if (move.to === undefined) return state === before
  return typeof move.to === 'string' ? move.to === state : (move.to as readonly State[]).includes(state)
}

function onlyTarget<State extends string>(move: Move<State>): State | undefined {
  return typeof move.to === 'string' ? move.to : undefined
}

function list(states: string | readonly string[] | undefined): string {
  return [states ?? []]
    .flat()
    .map((state) => `'${state}'`)
    .join(', ')
}

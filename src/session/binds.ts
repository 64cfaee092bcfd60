import { ArgumentError, UnboundExecutionError } from '../errors.ts'
import { classOf, type EntityModel, tryModelOf } from '../mapping/index.ts'
import type { AnyEntityClass, Bind, SessionOptions } from './options.ts'

/** Which engine serves what: the most derived class that has a bind of its own, else the session's. */
export class Binds {
  #byClass: Map<unknown, Bind> | undefined
  readonly #default: Bind | undefined

  constructor(options: Pick<SessionOptions, 'bind' | 'binds'>) {
    this.#default = options.bind
    if (options.binds === undefined) return
    this.#byClass = new Map(options.binds)
    for (const key of this.#byClass.keys()) checkClass(key)
  }

  /** The session's own bind. */
  get own(): Bind | undefined {
    return this.#default
  }

  /** Binds a class, and those that extend it, from now on. */
  add(entityClass: AnyEntityClass, bind: Bind): void {
    checkClass(entityClass)
    this.#byClass ??= new Map()
    this.#byClass.set(entityClass, bind)
  }

  /** @throws UnboundExecutionError */
  forModel(model: EntityModel): Bind {
    if (this.#byClass !== undefined) {
      for (let c: unknown = classOf(model); typeof c === 'function'; c = Object.getPrototypeOf(c)) {
        const bind = this.#byClass.get(c)
        if (bind !== undefined) return bind
      }
    }
    return this.#orUnbound(`the entity ${model.name}`)
  }

  /** For statements that name no entity. @throws UnboundExecutionError */
  forStatement(): Bind {
    return this.#orUnbound('this statement')
  }

  #orUnbound(what: string): Bind {
    if (this.#default !== undefined) return this.#default
    throw new UnboundExecutionError(
      `The session has no engine for ${what}: give sessionmaker({ bind: engine }), or a bind for the entity in 'binds'.`,
    )
  }
}

function checkClass(key: unknown): void {
  if (typeof key === 'function' && (tryModelOf(key) !== undefined || key.prototype !== undefined)) return
  throw new ArgumentError(
    `Session option 'binds': its keys must be entity classes or classes that they extend, not ${String(key)}.`,
  )
}

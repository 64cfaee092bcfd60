import { ArgumentError } from '../errors.ts'
import {
  type ColumnModel,
  type EntityModel,
  kindsOf,
  MODEL,
  nameOf,
  type RelationSource,
  tryModelOf,
} from '../mapping/index.ts'
import { nearest } from '../support/index.ts'
import { checkValue } from './column-value.ts'
import { emitInstanceEvent, isHeardAnywhere } from './entity-events.ts'
import { InstanceState } from './instance-state.ts'
import { inspectInstance, toJson, toObject } from './plain.ts'
import { readRelation, writeRelation } from './relation-access.ts'
import { STATE, type Stateful } from './slot.ts'

type Begin = (instance: object) => InstanceState
type GeneratedClass = new (values?: unknown) => object

/** The state that the next constructor call is to adopt: how an instance is made for a row. */
let arriving: InstanceState | undefined

/**
 * Makes the class from which an entity's own class extends: accessors for every column on the prototype, generated as
 * code, because a literal index reads five times faster than a closure over one. Where code generation is forbidden, closures serve.
 */
export function createEntityClass(model: EntityModel): GeneratedClass {
  const blank: readonly unknown[] = new Array(model.columns.length).fill(undefined)
  const begin: Begin =
    model.inheritance === undefined
      ? (instance) => adoptArriving(model, instance) ?? new InstanceState(model, instance, blank.slice())
      : (instance) => beginInFamily(tryModelOf(instance) ?? model, instance)
  const generated = generateClass(model, begin) ?? closureClass(model, begin)
  Object.defineProperties(generated.prototype, {
    toObject: hidden(toObject),
    toJSON: hidden(toJson),
    [Symbol.for('nodejs.util.inspect.custom')]: hidden(inspectInstance),
  })
  Object.defineProperty(generated, MODEL, { value: model })
  return generated
}

/** Makes the class from which a subclass's own class extends: one below the parent's class, with accessors for what it adds. */
export function createSubclass(parent: GeneratedClass, model: EntityModel): GeneratedClass {
  const above = model.inheritance?.parent as EntityModel
  const added: Accessible = {
    columns: model.columns.slice(above.columns.length),
    relations: model.relations.slice(above.relations.length),
    firstRelation: above.relations.length,
  }
  const generated = generateSubclass(parent, added) ?? closureSubclass(parent, added)
  Object.defineProperty(generated, MODEL, { value: model })
  return generated
}

function hidden(value: unknown): PropertyDescriptor {
  return { value, configurable: true, writable: true, enumerable: false }
}

function adoptArriving(model: EntityModel, instance: object): InstanceState | undefined {
  const state = arriving
  if (state === undefined || state.model !== model) return undefined
  arriving = undefined
  state.instance = instance
  return state
}

/** Makes the instance of a state that came from a row, through the given constructor. */
export function constructFor(state: InstanceState, construct: () => object): object {
  arriving = state
  try {
    return construct()
  } finally {
    arriving = undefined
  }
}

/** An instance of a class that inherits, or can be inherited from: its class is known by itself, and never another. */
function beginInFamily(model: EntityModel, instance: object): InstanceState {
  const arrived = adoptArriving(model, instance)
  if (arrived !== undefined) return arrived
  const { identity, family } = model.inheritance ?? {}
  if (identity === undefined) throw abstractClass(model)
  const state = new InstanceState(model, instance, new Array(model.columns.length).fill(undefined))
  if (family !== undefined) state.values[family.discriminator.index] = identity
  return state
}

function abstractClass(model: EntityModel): ArgumentError {
  const concrete = kindsOf(model).filter(({ inheritance }) => inheritance?.identity !== undefined)
  const advice = concrete.length === 0 ? 'declare one' : `make one of ${concrete.map(nameOf).join(', ')}`
  return new ArgumentError(
    `new ${model.name}(…): the class has no discriminator value, so it is abstract and only its subclasses have rows; ${advice}.`,
  )
}

/** What a new instance is made with. The instance has its state by then, for listeners and for the other sides of relations. */
function fill(state: InstanceState, given: unknown): void {
  if (given !== undefined) assignValues(state, given)
  if (isHeardAnywhere('init')) emitInstanceEvent(state, 'init')
}

/** Takes own enumerable properties only, each looked up among the columns, so that no prototype can be reached. */
function assignValues(state: InstanceState, given: unknown): void {
  const { model } = state
  if (typeof given !== 'object' || given === null) {
    throw new ArgumentError(`new ${model.name}(…): an object of property values is needed, ${typeof given} given.`)
  }
  // Without a list of names: this runs for every instance that a program makes.
  for (const property in given) {
    if (!Object.hasOwn(given, property)) continue
    const value = (given as Record<string, unknown>)[property]
    const column = model.columnOf.get(property)
    if (column === undefined) assignRelation(state, property, value)
    else if (value !== undefined) assignColumn(state, column, value)
  }
}

function assignColumn(state: InstanceState, column: ColumnModel, given: unknown): void {
  const value = state.wanted(column, given)
  checkValue(state.model, column, value)
  state.values[column.index] = value
}

function assignRelation(state: InstanceState, property: string, value: unknown): void {
  const index = state.model.relations.findIndex((relation) => relation.property === property)
  if (index < 0) throw unknownProperty(state.model, property)
  if (value !== undefined) writeRelation(state, index, value)
}

function unknownProperty(model: EntityModel, property: string): ArgumentError {
  const names = [...model.columnOf.keys(), ...model.relations.map((relation) => relation.property)]
  const close = nearest(property, names)
  const hint = close === undefined ? `its properties are ${names.join(', ')}` : `did you mean '${close}'?`
  return new ArgumentError(`new ${model.name}(…): there is no property '${property}'; ${hint}`)
}

/** Columns and relations that get accessors. */
interface Accessible {
  readonly columns: readonly ColumnModel[]
  readonly relations: readonly RelationSource[]
  /** The place of the first of these relations among all of the entity. */
  readonly firstRelation: number
}

function allOf({ columns, relations }: EntityModel): Accessible {
  return { columns, relations, firstRelation: 0 }
}

function accessorsSource({ columns, relations, firstRelation }: Accessible, state: string): string {
  const ofColumns = columns.map(({ property, index, isMoment }) => {
    const name = `[${JSON.stringify(property)}]`
    return (
      `get ${name}() { const v = ${state}.${isMoment ? 'values' : 'raw'}[${index}]; return v === undefined ? ${state}.absent(${index}) : v }\n` +
      `set ${name}(value) { ${state}.write(${index}, value) }`
    )
  })
  const ofRelations = relations.map(({ property }, i) => {
    const name = `[${JSON.stringify(property)}]`
    return (
      `get ${name}() { return readRelation(${state}, ${firstRelation + i}) }\n` +
      `set ${name}(value) { writeRelation(${state}, ${firstRelation + i}, value) }`
    )
  })
  return [...ofColumns, ...ofRelations].join('\n')
}

function generateClass(model: EntityModel, begin: Begin): GeneratedClass | undefined {
  const source = `'use strict'; return class {
    #state
    constructor(values) {
      this.#state = begin(this)
      if (this.#state.status === 'transient') fill(this.#state, values)
    }
    get [STATE]() { return #state in this ? this.#state : undefined }
    ${accessorsSource(allOf(model), 'this.#state')}
  }`
  return generated(source, { STATE, begin, fill, readRelation, writeRelation })
}

function generateSubclass(parent: GeneratedClass, added: Accessible): GeneratedClass | undefined {
  const source = `'use strict'; return class extends Parent { ${accessorsSource(added, 'this[STATE]')} }`
  return generated(source, { STATE, Parent: parent, readRelation, writeRelation })
}

/** Runs the source of a class; undefined where code generation is forbidden. */
function generated(source: string, names: Readonly<Record<string, unknown>>): GeneratedClass | undefined {
  try {
    return new Function(...Object.keys(names), source)(...Object.values(names)) as GeneratedClass
  } catch (error) {
    if (error instanceof EvalError) return undefined
    throw error
  }
}

/** The same class without generated code. Exported for the test that runs both. */
export function closureClass(model: EntityModel, begin: Begin): GeneratedClass {
  class Generated {
    readonly #state: InstanceState
    constructor(values?: unknown) {
      this.#state = begin(this)
      if (this.#state.status === 'transient') fill(this.#state, values)
    }
    get [STATE](): InstanceState | undefined {
      return #state in this ? this.#state : undefined
    }
  }
  defineAccessors(Generated.prototype, allOf(model))
  return Generated
}

/** The same for a subclass. */
export function closureSubclass(parent: GeneratedClass, added: Accessible): GeneratedClass {
  class Generated extends parent {}
  defineAccessors(Generated.prototype, added)
  return Generated
}

function defineAccessors(prototype: object, { columns, relations, firstRelation }: Accessible): void {
  for (const column of columns) {
    const { property, index } = column
    Object.defineProperty(prototype, property, {
      configurable: true,
      get(this: Stateful) {
        const state = this[STATE] as InstanceState
        const value = state.valueOf(column)
        return value === undefined ? state.absent(index) : value
      },
      set(this: Stateful, value: unknown) {
        ;(this[STATE] as InstanceState).write(index, value)
      },
    })
  }
  relations.forEach(({ property }, i) => {
    Object.defineProperty(prototype, property, {
      configurable: true,
      get(this: Stateful) {
        return readRelation(this[STATE] as InstanceState, firstRelation + i)
      },
      set(this: Stateful, value: unknown) {
        writeRelation(this[STATE] as InstanceState, firstRelation + i, value)
      },
    })
  })
}

import { ArgumentError } from '../errors.ts'
import { type ColumnModel, type EntityModel, MODEL } from '../mapping/index.ts'
import { nearest } from '../support/index.ts'
import { isHeardAnywhere } from './entity-events.ts'
import { checkValue, emitInstanceEvent, InstanceState } from './instance-state.ts'
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
  const begin: Begin = (instance) => adoptArriving(model, instance) ?? newState(model, instance)
  const generated = generateClass(model, begin) ?? closureClass(model, begin)
  Object.defineProperties(generated.prototype, {
    toObject: hidden(toObject),
    toJSON: hidden(toJson),
    [Symbol.for('nodejs.util.inspect.custom')]: hidden(inspectInstance),
  })
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

function newState(model: EntityModel, instance: object): InstanceState {
  return new InstanceState(model, instance, new Array(model.columns.length).fill(undefined))
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
  for (const property of Object.keys(given)) {
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

function generateClass(model: EntityModel, begin: Begin): GeneratedClass | undefined {
  const accessors = model.columns.map(({ property, index }) => {
    const name = `[${JSON.stringify(property)}]`
    return (
      `get ${name}() { const v = this.#state.values[${index}]; return v === undefined ? this.#state.absent(${index}) : v }\n` +
      `set ${name}(value) { this.#state.write(${index}, value) }`
    )
  })
  const relations = model.relations.map(({ property }, index) => {
    const name = `[${JSON.stringify(property)}]`
    return (
      `get ${name}() { return readRelation(this.#state, ${index}) }\n` +
      `set ${name}(value) { writeRelation(this.#state, ${index}, value) }`
    )
  })
  const source = `'use strict'; return class {
    #state
    constructor(values) {
      this.#state = begin(this)
      if (this.#state.status === 'transient') fill(this.#state, values)
    }
    get [STATE]() { return #state in this ? this.#state : undefined }
    ${[...accessors, ...relations].join('\n')}
  }`
  try {
    const make = new Function('STATE', 'begin', 'fill', 'readRelation', 'writeRelation', source)
    return make(STATE, begin, fill, readRelation, writeRelation) as GeneratedClass
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
  for (const { property, index } of model.columns) {
    Object.defineProperty(Generated.prototype, property, {
      configurable: true,
      get(this: Stateful) {
        const state = this[STATE] as InstanceState
        const value = state.values[index]
        return value === undefined ? state.absent(index) : value
      },
      set(this: Stateful, value: unknown) {
        ;(this[STATE] as InstanceState).write(index, value)
      },
    })
  }
  model.relations.forEach(({ property }, index) => {
    Object.defineProperty(Generated.prototype, property, {
      configurable: true,
      get(this: Stateful) {
        return readRelation(this[STATE] as InstanceState, index)
      },
      set(this: Stateful, value: unknown) {
        writeRelation(this[STATE] as InstanceState, index, value)
      },
    })
  })
  return Generated
}

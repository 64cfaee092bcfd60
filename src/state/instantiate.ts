import { MappingError } from '../errors.ts'
import { adoptClass, classOf, type EntityModel, MODEL } from '../mapping/index.ts'
import { constructFor } from './entity-class.ts'
import { InstanceState } from './instance-state.ts'

type Constructor = new (...args: unknown[]) => object

/** Makes instances of one entity for rows. */
export type Instantiate = (values: unknown[]) => InstanceState

const makers = new WeakMap<EntityModel, Instantiate>()

/**
 * How instances of an entity are made for rows. The class's constructor runs, and with it the initializers of its own
 * fields, when it takes no parameters (the default constructor takes none); one that asks for parameters does not run,
 * because a row has none to give: such an instance has the columns and the methods only.
 */
export function instantiatorOf(model: EntityModel): Instantiate {
  let make = makers.get(model)
  if (make === undefined) {
    make = createInstantiator(model)
    makers.set(model, make)
  }
  return make
}

function createInstantiator(model: EntityModel): Instantiate {
  const entityClass = classOf(model) as Constructor
  const construct = constructorFor(entityClass)
  let checked = false
  return (values) => {
    const state = new InstanceState(model, PLACEHOLDER, values)
    state.status = 'persistent'
    const instance = constructFor(state, construct)
    if (!checked) {
      refuseShadowedColumns(model, instance)
      checked = true
    }
    return state
  }
}

/** Stands in for the instance until its constructor has taken the state. */
const PLACEHOLDER: object = Object.freeze({})

function constructorFor(entityClass: Constructor): () => object {
  const generated = generatedClassOf(entityClass)
  if (takesNothing(entityClass, generated)) return () => new entityClass()
  return () => Reflect.construct(generated, [], entityClass) as object
}

/** The topmost generated class, which makes the state: that of the root, where classes inherit. */
export function generatedClassOf(entityClass: object): Constructor {
  let generated = entityClass
  for (let current: object | null = entityClass; current !== null; current = Object.getPrototypeOf(current)) {
    if (Object.hasOwn(current, MODEL)) generated = current
  }
  return generated as Constructor
}

function takesNothing(entityClass: Constructor, generated: Constructor): boolean {
  for (let current = entityClass; current !== generated; current = Object.getPrototypeOf(current) as Constructor) {
    if (current.length > 0) return false
  }
  return true
}

const checkedClasses = new WeakSet<object>()

/** Checks an instance that the program made, once for each class. See {@link refuseShadowedColumns}. */
export function checkFields(state: InstanceState): void {
  const entityClass = state.instance.constructor as EntityModel['entityClass']
  if (checkedClasses.has(entityClass)) return
  adoptClass(entityClass)
  refuseShadowedColumns(state.model, state.instance)
  checkedClasses.add(entityClass)
}

/**
 * A class field named like a column (`name!: string`) would hide the column's accessor, and every change of it would be lost.
 *
 * @throws MappingError naming the field.
 */
function refuseShadowedColumns(model: EntityModel, instance: object): void {
  for (const { property } of model.columns) {
    if (!Object.hasOwn(instance, property)) continue
    throw new MappingError(
      `${model.name}.${property} is declared as a class field, which hides the column of that name and would lose its ` +
        `changes; remove the field, or write 'declare ${property}: …' for its type alone.`,
    )
  }
}

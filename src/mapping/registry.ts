import { MappingError, UnmappedInstanceError } from '../errors.ts'
import { found } from './found.ts'
import type { EntityModel } from './model.ts'
import { MODEL } from './model-symbol.ts'

type AnyClass = EntityModel['entityClass']

/** The mapped class of each model, from its first use on; a model never changes its class. */
const classes = new WeakMap<EntityModel, AnyClass>()
/** The same, the other way: the short way for everything that asks more than once. */
const models = new WeakMap<AnyClass, EntityModel>()

/**
 * The model of an entity class.
 *
 * The mapped class is the one that directly extends what `entity()` returned, or this itself where nothing extends it.
 *
 * @throws MappingError for anything else: an instance, a class that is no entity, a class below a mapped one
 */
export function modelOf(entityClass: unknown): EntityModel {
  const known = models.get(entityClass as AnyClass)
  if (known !== undefined) return known
  const model = isClass(entityClass) ? adoptClass(entityClass) : undefined
  if (model === undefined) throw new MappingError(notAnEntity(entityClass))
  const mapped = classOf(model)
  if (mapped === entityClass) return model
  throw new MappingError(
    `${classNameOf(entityClass)} is a class below the entity ${classNameOf(mapped)} and has no rows of its own: use ` +
      `${classNameOf(mapped)}. Instances of ${classNameOf(entityClass)} can be added; what is loaded is a ${classNameOf(mapped)}.`,
  )
}

/**
 * The model of a class or of an instance, or undefined where there is none. Unlike `modelOf` it knows plain JavaScript
 * classes below a mapped one too, and their instances: they have its model.
 */
export function tryModelOf(value: unknown): EntityModel | undefined {
  if (isClass(value)) return models.get(value) ?? adoptClass(value)
  if (typeof value !== 'object' || value === null) return undefined
  const ownClass = constructorOf(value)
  return ownClass === undefined ? undefined : (models.get(ownClass) ?? adoptClass(ownClass))
}

/**
 * The model of an instance.
 *
 * @param operation the call that needs it, for the message: `session.add`
 * @throws UnmappedInstanceError for what is no instance of an entity class
 */
export function modelOfInstance(instance: unknown, operation: string): EntityModel {
  const model = isClass(instance) ? undefined : tryModelOf(instance)
  if (model !== undefined) return model
  const hint =
    isClass(instance) && tryModelOf(instance) !== undefined ? `; make one with new ${classNameOf(instance)}(…)` : ''
  throw new UnmappedInstanceError(`${operation} takes an instance of an entity class, got ${found(instance)}${hint}.`)
}

/**
 * Finds the mapped class at or above a class, and makes it the model's class for good. Gives the model, or undefined where
 * the class does not descend from what `entity()` returned.
 *
 * @throws MappingError when the model belongs to another class already
 */
export function adoptClass(entityClass: AnyClass): EntityModel | undefined {
  let mapped = entityClass
  for (let current: unknown = entityClass; isClass(current); current = Object.getPrototypeOf(current)) {
    const model = ownModel(current)
    if (model !== undefined) return adopt(model, mapped)
    mapped = current
  }
  return undefined
}

function adopt(model: EntityModel, mapped: AnyClass): EntityModel {
  const adopted = classes.get(model)
  if (adopted === undefined) {
    classes.set(model, mapped)
    models.set(mapped, model)
  } else if (adopted !== mapped) {
    throw new MappingError(secondClass(model, adopted, mapped))
  }
  return model
}

function secondClass(model: EntityModel, adopted: AnyClass, mapped: AnyClass): string {
  if (ownModel(mapped) !== undefined) {
    return `The table '${model.table}' belongs to ${classNameOf(adopted)}: use that class, not what entity() returned.`
  }
  const owner =
    ownModel(adopted) === undefined
      ? `the class ${classNameOf(adopted)}`
      : 'what entity() returned, which was used itself'
  return (
    `${classNameOf(mapped)} cannot be mapped to the table '${model.table}', which belongs to ${owner}: one entity() is for one ` +
    'class. Call entity() for each class.'
  )
}

/**
 * Makes classes known that nothing has used yet: a row of a class that inherits can be read only when its class is known, and a class becomes known
 * by its first use (a query for it, an instance of it, `createAll`).
 *
 * ```ts
 * registerEntities(Manager, Engineer)
 * ```
 *
 * @throws MappingError for what is no entity class
 */
export function registerEntities(...entityClasses: readonly (abstract new (...args: never[]) => object)[]): void {
  for (const entityClass of entityClasses) modelOf(entityClass)
}

/**
 * The class that instances of a model are made of.
 *
 * @throws MappingError before the class was first used, when nobody can know it yet
 */
export function classOf(model: EntityModel): AnyClass {
  const entityClass = classes.get(model)
  if (entityClass !== undefined) return entityClass
  const { identity, family } = model.inheritance ?? {}
  if (identity !== undefined && family !== undefined && family.root !== model) {
    throw new MappingError(
      `The class for ${found(identity)} in the column '${family.discriminator.property}' of ${nameOf(family.root)} is not known yet: it becomes ` +
        'known when it is first used. Call registerEntities(TheClass, …) where the program begins.',
    )
  }
  throw new MappingError(
    `The class of the table '${model.table}' is not known yet: it becomes known when it is first used.`,
  )
}

/** What messages call an entity: the name of its class where it is known and has one, else its table. */
export function nameOf(model: EntityModel): string {
  return classes.get(model)?.name || model.table
}

function isClass(value: unknown): value is AnyClass {
  return typeof value === 'function'
}

function ownModel(entityClass: AnyClass): EntityModel | undefined {
  return Object.hasOwn(entityClass, MODEL)
    ? (entityClass as unknown as { readonly [MODEL]: EntityModel })[MODEL]
    : undefined
}

/** The class of an instance as its prototype tells it, so that no property of the instance can pretend another. */
function constructorOf(instance: object): AnyClass | undefined {
  const prototype: object | null = Object.getPrototypeOf(instance)
  const maker: unknown = prototype?.constructor
  return isClass(maker) ? maker : undefined
}

function classNameOf(entityClass: AnyClass | unknown): string {
  return (isClass(entityClass) && entityClass.name) || 'an anonymous class'
}

function notAnEntity(value: unknown): string {
  const need = 'An entity class is needed'
  if (isClass(value)) return `${need}, but ${classNameOf(value)} is none: let it extend entity('table', { … }).`
  const model = tryModelOf(value)
  if (model !== undefined) return `${need}, not an instance of it: write ${nameOf(model)}.`
  const hint = value === undefined ? '; is an import circular, or a class used above its declaration?' : '.'
  return `${need}, got ${found(value)}${hint}`
}

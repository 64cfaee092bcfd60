import { ArgumentError } from '../errors.ts'
import { classOf, type EntityModel, linkOf, modelOf, type RelationLink } from '../mapping/index.ts'
import { describeValue } from '../support/index.ts'
import { type IdentityKey, identityOf, keyValuesOf } from './identity.ts'
import { stateOf } from './inspect.ts'

type Plain = Readonly<Record<string, unknown>>
type Constructor = new (values: object) => object

/**
 * Makes a new instance of what `toObject()` gave, in this thread or in another, with the relations that are in it: for
 * `session.merge()`, which puts the copy onto the row of its key, or makes a row. Columns that the program never writes are left out.
 * What has a key and stands in several places becomes one instance.
 *
 * ```ts
 * const user = await session.merge(fromObject(User, plain))
 * ```
 *
 * @throws ArgumentError for what is no object, properties that the entity has not, and values that do not fit
 */
export function fromObject<Entity extends object>(
  entityClass: abstract new (...args: never[]) => Entity,
  plain: object,
): Entity {
  return make(modelOf(entityClass), plain, `fromObject(${entityClass.name})`, new Map()) as Entity
}

/** The instances that were made so far, by entity and key. */
type Known = Map<EntityModel, Map<IdentityKey, object>>

function make(model: EntityModel, given: unknown, where: string, known: Known): object {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new ArgumentError(`${where}: an object as toObject() gives it is needed, not ${describeValue(given)}.`)
  }
  const instance = madeBefore(model, makeOfColumns(model, given as Plain), known)
  for (const [property, value] of Object.entries(given)) {
    const link = model.columnOf.has(property) ? undefined : linkOf(model, property)
    if (link === undefined || value === undefined || link.options.viewOnly === true) continue
    ;(instance as Record<string, unknown>)[property] = related(link, value, `${where}.${property}`, known)
  }
  return instance
}

/** Where it stands a second time, the first one is meant: only that one was copied with its relations. */
function madeBefore(model: EntityModel, made: object, known: Known): object {
  const identity = identityOf(model, keyValuesOf(model, stateOf(made).values))
  if (identity === undefined) return made
  const ofModel = known.get(model) ?? new Map<IdentityKey, object>()
  known.set(model, ofModel)
  const first = ofModel.get(identity)
  if (first === undefined) ofModel.set(identity, made)
  return first ?? made
}

/** A property that is neither column nor relation is refused by the constructor. */
function makeOfColumns(model: EntityModel, given: Plain): object {
  const isRelation = (property: string) => model.relations.some((relation) => relation.property === property)
  const isWritten = (property: string) => model.columnOf.get(property)?.readOnly !== true && !isRelation(property)
  const values = Object.fromEntries(Object.entries(given).filter(([property]) => isWritten(property)))
  return new (classOf(model) as unknown as Constructor)(values)
}

function related(link: RelationLink, value: unknown, where: string, known: Known): unknown {
  if (!link.toMany) return value === null ? null : make(link.target, value, where, known)
  if (!Array.isArray(value)) {
    throw new ArgumentError(`${where}: an array is needed for a relation to many, not ${describeValue(value)}.`)
  }
  return value.map((item, index) => make(link.target, item, `${where}[${index}]`, known))
}

import { ArgumentError } from '../errors.ts'
import type { Queryable } from '../loading/index.ts'
import { type CollectionWrites, modelOf, nameOf } from '../mapping/index.ts'
import { type AttributeEventName, type EntityListener, listenToEntity } from '../state/index.ts'
import { checkOptions, rule } from '../support/index.ts'

/** What a validator is told beside the value. */
export interface Validation<Entity> {
  readonly target: Entity
  readonly property: string
  /** The value leaves a collection; what the validator returns does not matter then. */
  readonly isRemoval: boolean
}

/** How a validator listens. */
export interface ValidatesOptions {
  /** Members that leave a collection are shown too. Default: false. */
  readonly includeRemoves?: boolean
  /** Changes that follow from the other side of a relation are shown too; they can be refused, and not replaced. Default: true. */
  readonly includeBackrefs?: boolean
}

/** The value of a property as it is given: a column's, a member of a collection, an instance or null. */
export type ValidatedValue<Property> =
  Property extends CollectionWrites<infer Item> ? Item : Property extends { readonly isLoaded: false } ? null : Property

interface Change {
  readonly target: object
  readonly property: string
  value: unknown
  readonly fromOtherSide?: boolean
}

const rules = {
  includeRemoves: rule('true or false', (value) => typeof value === 'boolean'),
  includeBackrefs: rule('true or false', (value) => typeof value === 'boolean'),
}

/**
 * Has a function look at every value that the program gives to properties of an entity, in `new` too: it returns the value to take, which
 * may be another one, and refuses by throwing. Columns, relations to one, and members of collections. What a load or a flush writes
 * is not looked at. Gives a function that ends it.
 *
 * ```ts
 * validates(User, 'email', (email) => {
 *   if (!email.includes('@')) throw new Error(`'${email}' is no address`)
 *   return email.trim()
 * })
 * ```
 *
 * @param property one property, or several
 * @param check gets the value, and what is known of the change; it must return the value to take
 * @throws ArgumentError for an unknown property or option; at a change, where the function returns undefined
 * @see https://docs.sqlalchemy.org/en/20/orm/mapped_attributes.html#simple-validators
 */
export function validates<Entity extends object, Property extends keyof Entity & string>(
  entityClass: Queryable<Entity>,
  property: Property | readonly Property[],
  check: (
    value: ValidatedValue<Entity[Property]>,
    about: Validation<Entity>,
  ) => NoInfer<ValidatedValue<Entity[Property]>>,
  options: ValidatesOptions = {},
): () => void {
  const call = `validates(${nameOf(modelOf(entityClass))}, …)`
  if (typeof check !== 'function') throw new ArgumentError(`${call}: a function is needed, ${typeof check} given.`)
  checkOptions(call, options, rules)
  const names = typeof property === 'string' ? [property] : property
  const stops = names.flatMap((name) => {
    const listener = (removal: boolean) => listenerOf(check as Check, removal, options)
    const listen = (event: AttributeEventName, removal = false) =>
      listenToEntity(entityClass, event, listener(removal) as EntityListener, { property: name })
    return [listen('set'), listen('append'), ...(options.includeRemoves === true ? [listen('remove', true)] : [])]
  })
  return () => {
    for (const stop of stops) stop()
  }
}

type Check = (value: unknown, about: Validation<object>) => unknown

function listenerOf(check: Check, isRemoval: boolean, { includeBackrefs = true }: ValidatesOptions) {
  return (change: Change): void => {
    if (change.fromOtherSide === true && !includeBackrefs) return
    const { target, property } = change
    const wanted = check(change.value, { target, property, isRemoval })
    if (isRemoval) return
    if (wanted === undefined) {
      throw new ArgumentError(
        `The validator of ${property} returned nothing: it must return the value to take, the given one or another.`,
      )
    }
    change.value = wanted
  }
}

import { MappingError } from '../errors.ts'
import { parseCascade } from './cascade.ts'
import { type CollectionShape, isCollectionShape } from './collection-shape.ts'
import { found, listed } from './found.ts'
import { checkConditions } from './join-condition.ts'
import { checkOptionNames } from './option-names.ts'
import {
  type GivenRelationOptions,
  type ManyToManyOptions,
  type ManyToOneOptions,
  type OneToManyOptions,
  type OneToOneOptions,
  type RelationKind,
  type RelationSpec,
  ToManyRelation,
  ToOneRelation,
} from './relation.ts'

/**
 * A relation to one instance, held by a foreign key of this entity.
 *
 * @param target gives the other class, which may be declared further down
 * @throws MappingError for an unknown or wrong option
 * @example
 * get user() { return manyToOne(() => User, { foreignKey: 'userId', backPopulates: 'addresses' }) }
 */
export function manyToOne<Class>(target: () => Class, options?: ManyToOneOptions): ToOneRelation<Class, false> {
  return new ToOneRelation(describeRelation('manyToOne', target, options, false))
}

/**
 * A relation to many instances, each of which holds a foreign key of this one.
 *
 * @throws MappingError for an unknown or wrong option
 * @example
 * get addresses() { return oneToMany(() => Address, { backPopulates: 'user', cascade: 'all, delete-orphan' }) }
 * get notes() { return oneToMany(() => Note, { backPopulates: 'user', collection: { keyedBy: 'title' } }) }
 */
export function oneToMany<Class, const Shape extends CollectionShape = 'array'>(
  target: () => Class,
  options?: OneToManyOptions<Shape>,
): ToManyRelation<Class, Shape> {
  return new ToManyRelation(describeRelation('oneToMany', target, options, false))
}

/**
 * A relation between two instances that have each other alone. The side with `foreignKey` holds the key; from the other
 * side there may be nothing, so the property's type includes null.
 *
 * @throws MappingError for an unknown or wrong option
 * @example
 * get profile() { return oneToOne(() => Profile, { backPopulates: 'user' }) }
 */
export function oneToOne<Class>(
  target: () => Class,
  options: OneToOneOptions & { readonly foreignKey: string | readonly string[] },
): ToOneRelation<Class, false>
export function oneToOne<Class>(target: () => Class, options?: OneToOneOptions): ToOneRelation<Class, true>
export function oneToOne<Class>(target: () => Class, options: OneToOneOptions = {}): ToOneRelation<Class, boolean> {
  return new ToOneRelation(describeRelation('oneToOne', target, options, options.foreignKey === undefined))
}

/**
 * A relation between many and many, through a table of pairs.
 *
 * @throws MappingError for an unknown or wrong option, and without `through`
 * @example
 * get groups() { return manyToMany(() => Group, { through: 'user_groups', backPopulates: 'users' }) }
 */
export function manyToMany<Class, const Shape extends CollectionShape = 'array'>(
  target: () => Class,
  options: ManyToManyOptions<Shape>,
): ToManyRelation<Class, Shape> {
  const spec = describeRelation('manyToMany', target, options, false)
  if (spec.options.through !== undefined) return new ToManyRelation(spec)
  throw new MappingError("manyToMany(…): the table of the pairs is missing; give it as { through: 'user_groups' }.")
}

const SHARED = ['backPopulates', 'cascade', 'lazy', 'joinDepth', 'viewOnly', 'postUpdate']
const OPTION_NAMES: Readonly<Record<RelationKind, readonly string[]>> = {
  manyToOne: [...SHARED, 'foreignKey', 'on', 'singleParent'],
  oneToMany: [...SHARED, 'collection', 'foreignKey', 'on', 'where', 'orderBy', 'passiveDeletes', 'passiveUpdates'],
  oneToOne: [...SHARED, 'foreignKey', 'on', 'where', 'passiveDeletes', 'passiveUpdates', 'singleParent'],
  manyToMany: [
    ...SHARED,
    'collection',
    'where',
    'through',
    'throughColumns',
    'orderBy',
    'passiveDeletes',
    'singleParent',
  ],
}

function describeRelation(
  kind: RelationKind,
  target: () => unknown,
  options: GivenRelationOptions = {},
  nullable: boolean,
): RelationSpec {
  const place = `${kind}(…)`
  if (typeof target !== 'function') {
    throw new MappingError(`${place}: the first argument must be a function that gives the class, such as () => User.`)
  }
  checkOptionNames(place, options, OPTION_NAMES[kind])
  checkOptionValues(place, options)
  const cascade = parseCascade(place, options.cascade, options.viewOnly === true)
  checkOrphans(place, kind, options, cascade.has('delete-orphan'))
  checkConditions(place, options)
  checkWriteOnly(place, options)
  if (options.passiveDeletes === 'all' && cascade.has('delete')) {
    throw new MappingError(
      `${place}: passiveDeletes 'all' leaves every child to the database, and the cascade 'delete' deletes them; leave one of the two ` +
        'out, or write passiveDeletes: true.',
    )
  }
  return { kind, target, nullable, options: frozenCopy(withDefaults(options)), cascade }
}

/** What is never loaded cannot come along, be followed by a delete, or be tied by a condition of its own. */
function checkWriteOnly(place: string, { collection, lazy, on, passiveDeletes }: GivenRelationOptions): void {
  if (collection !== 'writeOnly') return
  const wrong =
    lazy !== undefined
      ? 'lazy'
      : on !== undefined
        ? 'on'
        : passiveDeletes === false
          ? 'passiveDeletes: false'
          : undefined
  if (wrong === undefined) return
  throw new MappingError(
    `${place}: a collection that is 'writeOnly' is never loaded, so it cannot have ${wrong}; leave it out, and let the database ` +
      'delete or keep the members (onDelete).',
  )
}

/** Members that are never loaded are left to the database when their owner is deleted. */
function withDefaults(options: GivenRelationOptions): GivenRelationOptions {
  return options.collection === 'writeOnly' ? { passiveDeletes: true, ...options } : options
}

/** Deleting an orphan needs to know that the parent it lost was its only one. */
function checkOrphans(place: string, kind: RelationKind, options: GivenRelationOptions, orphans: boolean): void {
  if (!orphans || options.singleParent === true) return
  if (kind !== 'manyToOne' && kind !== 'manyToMany') return
  throw new MappingError(
    `${place}: 'delete-orphan' on this side needs { singleParent: true }: an orphan has no other parent.`,
  )
}

const isName = (value: unknown) => typeof value === 'string' && value !== ''
const isNameOrNames = (value: unknown) => isName(value) || isListOf(value, isName)
const isFunction = (value: unknown) => typeof value === 'function'
const isBoolean = (value: unknown) => typeof value === 'boolean'
const isOrderTerm = (value: unknown) =>
  isName(value) || (Array.isArray(value) && value.length === 2 && isName(value[0]) && DIRECTIONS.includes(value[1]))
const DIRECTIONS: readonly unknown[] = ['asc', 'desc']
const LAZY: readonly string[] = ['select', 'selectin', 'joined', 'immediate', 'raise', 'raiseOnSql']

const RULES: Readonly<Record<string, readonly [expected: string, accepts: (value: unknown) => boolean]>> = {
  collection: ["'array', 'set', 'writeOnly', or a key such as { keyedBy: 'name' }", isCollectionShape],
  backPopulates: ["a property of the other entity, such as 'user'", isName],
  foreignKey: ['a property, or an array of properties', isNameOrNames],
  throughColumns: [
    'two names, of the column for this entity and of that for the other',
    (value) => Array.isArray(value) && value.length === 2 && isListOf(value, isNameOrNames),
  ],
  through: ["the name of a table, such as 'user_groups'", isName],
  lazy: [`one of ${listed(LAZY)}`, (value) => LAZY.includes(value as string)],
  joinDepth: ['a whole number of at least 1', (value) => Number.isSafeInteger(value) && (value as number) >= 1],
  orderBy: [
    "a property, ['property', 'desc'], or an array of these",
    (value) => isOrderTerm(value) || isListOf(value, isOrderTerm),
  ],
  on: ['a function that makes a condition', isFunction],
  where: ['a function that makes a condition', isFunction],
  viewOnly: ['true or false', isBoolean],
  postUpdate: ['true or false', isBoolean],
  singleParent: ['true or false', isBoolean],
  passiveUpdates: ['true or false', isBoolean],
  passiveDeletes: ["true, false or 'all'", (value) => isBoolean(value) || value === 'all'],
}

function isListOf(value: unknown, accepts: (item: unknown) => boolean): boolean {
  return Array.isArray(value) && value.length > 0 && value.every(accepts)
}

function checkOptionValues(place: string, options: GivenRelationOptions): void {
  for (const [name, value] of Object.entries(options)) {
    const [expected, accepts] = RULES[name] ?? ['anything', () => true]
    if (value === undefined || accepts(value)) continue
    throw new MappingError(`${place}: ${name} must be ${expected}, got ${found(value)}.`)
  }
}

function frozenCopy(options: GivenRelationOptions): GivenRelationOptions {
  const copy = Object.entries(options).map(([name, value]) => [
    name,
    Array.isArray(value) ? Object.freeze([...value]) : value,
  ])
  return Object.freeze(Object.fromEntries(copy))
}

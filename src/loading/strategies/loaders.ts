import type { OrderTerm } from '../../mapping/index.ts'
import { aBoolean, anInteger, aString, checkOptions, either } from '../../support/index.ts'
import type { Strategy } from './load-plan.ts'
import { isWildcard, othersOption, type RelationLoader, relationOption } from './loader-options.ts'
import { type ChosenMembers, choiceIn, choiceRules, type OrderedBy } from './member-choice.ts'

/** How far a relation of an entity to itself is followed. */
export interface RecursionOptions {
  /** So many levels below the first one, or `'all'`: until there are no more rows. Default: 0. */
  readonly recursionDepth?: number | 'all'
}

/** What `selectin` loads of a relation. */
export interface SelectinOptions<Order = OrderTerm | readonly OrderTerm[]>
  extends RecursionOptions,
    ChosenMembers<Order> {}

/** How a relation is joined. */
export interface JoinedOptions {
  /** Leave out instances that have nothing there. Default: false. */
  readonly innerJoin?: boolean
  /** How many levels further a relation of an entity to itself is joined. Default: 0. */
  readonly joinDepth?: number
}

/** What `raise` forbids. */
export interface RaiseOptions {
  /** Only where SQL would be sent: what the identity map or a null key tells is given. Default: false. */
  readonly sqlOnly?: boolean
}

const isAll = { expected: "'all'", accepts: (value: unknown) => value === 'all' }
const selectinRules = { recursionDepth: either(anInteger(0), isAll), ...choiceRules }

function depthOf(call: string, options: SelectinOptions): number {
  checkOptions(call, options, selectinRules)
  const { recursionDepth = 0 } = options
  return recursionDepth === 'all' ? Number.POSITIVE_INFINITY : recursionDepth
}

/**
 * Loads a relation by a statement of its own, for all instances of the result together.
 *
 * Sends for `selectin('books')`: `select … from books where author_id = any($1)`
 *
 * Of a collection it can load fewer members, by a condition and by a limit for each owner, which the window function `row_number()`
 * counts. What is loaded so is a part, as with {@link containsEager}: adding and removing work on it, replacing it is refused, and
 * whatever has to know all members (a cascade, a later load) reads them. A collection that is loaded already stays as it is.
 *
 * @param path a relation, or a path through relations: `'books.reviews'`. Relations on the way are loaded whole in the same way, unless
 * an option of their own says otherwise
 * @throws ArgumentError for an option that is unknown or wrong, for an order by what is no property, and, when the statement runs, for a
 * condition that names no property or a value that does not fit
 * @example
 * query.options(selectin('books'), selectin('children', { recursionDepth: 'all' }))
 * query.options(selectin('books', { where: (eb) => eb('year', '>', 2000), orderBy: ['year', 'desc'], limit: 3 }))
 * @see https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html#select-in-loading
 */
export function selectin<const Path extends string, const Order extends OrderTerm | readonly OrderTerm[] = readonly []>(
  path: Path,
  options: SelectinOptions<Order> = {},
): RelationLoader<Path, Path, `${Path}.${OrderedBy<Order>}`, Path> {
  const depth = depthOf('selectin()', options)
  return relationOption('selectin()', path, { strategy: 'selectin', depth, members: choiceIn(options) })
}

/**
 * Loads a relation in the same statement, by a LEFT JOIN. Each instance comes once, with all of its members; `limit` and `offset`
 * count instances, not joined rows.
 *
 * @throws ArgumentError for an option that is unknown or wrong
 * @example
 * query.options(joined('author'), joined('shelf', { innerJoin: true }))
 * @see https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html#joined-eager-loading
 */
export function joined<const Path extends string>(
  path: Path,
  options: JoinedOptions = {},
): RelationLoader<Path, Path, never, Path> {
  checkOptions('joined()', options, { innerJoin: aBoolean, joinDepth: anInteger(0) })
  const { innerJoin = false, joinDepth = 0 } = options
  return relationOption('joined()', path, { strategy: 'joined', innerJoin, depth: joinDepth })
}

/**
 * Loads a relation right after the query as if it were awaited: an instance that the session holds is taken from there, and what is
 * left is read for all together.
 *
 * @throws ArgumentError for an option that is unknown or wrong
 * @example
 * query.options(immediate('author'))
 */
export function immediate<const Path extends string>(
  path: Path,
  options: RecursionOptions = {},
): RelationLoader<Path, Path, never, Path> {
  const depth = depthOf('immediate()', options)
  return relationOption('immediate()', path, { strategy: 'immediate', depth })
}

/**
 * Leaves a relation to be loaded when it is awaited, whatever its mapping says. `'*'` means all that are not named, at every level;
 * `'books.*'` those of the books.
 *
 * @example
 * query.options(lazy('offers'))
 */
export function lazy<const Path extends string>(path: Path): RelationLoader<Path, Path, never, never> {
  return without('lazy()', path, 'select')
}

/**
 * Forbids a relation: awaiting it is an InvalidRequestError, unless it was loaded or set. With `sqlOnly`, what is known without any SQL
 * is given. `'*'` means all that are not named, at every level; `'books.*'` those of the books.
 *
 * @throws ArgumentError for an option that is unknown or wrong
 * @example
 * query.with('books').options(raise('*'))
 * @see https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html#preventing-unwanted-lazy-loads-using-raiseload
 */
export function raise<const Path extends string>(
  path: Path,
  options: RaiseOptions = {},
): RelationLoader<Path, Path, never, never> {
  checkOptions('raise()', options, { sqlOnly: aBoolean })
  return without('raise()', path, options.sqlOnly === true ? 'raiseOnSql' : 'raise')
}

/** Where the rows of a relation are in the query. */
export interface ContainsEagerOptions {
  /** The name under which it is joined, where that is not the relation's own (or, in `modify()`, the table's). */
  readonly as?: string
}

/**
 * Fills a relation from a join that the query makes itself, by `join('books')` or in `modify()`. A collection holds the members that the
 * query's conditions leave, as a part: adding and removing work on it, replacing it is refused, and whatever has to know all members
 * (a cascade, a later load) reads them.
 *
 * @throws ArgumentError for an option that is unknown or wrong
 * @example
 * query.join('books').where('books.year', '>', 2000).options(containsEager('books'))
 * @see https://docs.sqlalchemy.org/en/20/orm/queryguide/relationships.html#routing-explicit-joins-statements-into-eagerly-loaded-collections
 */
export function containsEager<const Path extends string>(
  path: Path,
  options: ContainsEagerOptions = {},
): RelationLoader<Path, Path, never, Path> {
  checkOptions('containsEager()', options, { as: aString })
  return relationOption('containsEager()', path, { strategy: 'containsEager', as: options.as })
}

/**
 * Says nothing of a relation, and something of what is below it: `defaultload('books').options(defer('body'))`.
 *
 * @example
 * query.options(defaultload('author').options(raise('*')))
 */
export function defaultload<const Path extends string>(path: Path): RelationLoader<Path, Path, never, never> {
  return relationOption('defaultload()', path, { strategy: undefined })
}

function without<Path extends string>(
  call: string,
  path: Path,
  strategy: Strategy,
): RelationLoader<Path, Path, never, never> {
  if (isWildcard(path)) return othersOption(call, path, { strategy, everywhere: path === '*' })
  return relationOption(call, path, { strategy })
}

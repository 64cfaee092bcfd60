import { ArgumentError } from '../../errors.ts'
import { type ColumnModel, type EntityModel, nameOf } from '../../mapping/index.ts'
import { nearest } from '../../support/index.ts'
import type { PathPlace } from '../relation-paths.ts'
import { type ColumnChoice, isNeeded, noChoice, withDeferred, withOnly, withUndeferred } from './column-choice.ts'
import type { LoadPlan } from './load-plan.ts'
import { columnsOption, LoaderOption } from './loader-options.ts'

/**
 * Leaves columns out of the select; `await session.load(instance, 'body')` brings them, for all instances of the result together.
 *
 * @param paths columns, or columns behind relations: `'books.body'`; `'*'` for all that can be left out
 * @throws ArgumentError for a key, a foreign key and a version, which sessions need with every row
 * @example
 * query.options(defer('body', 'author.portrait'))
 */
export function defer<const Path extends string>(...paths: readonly Path[]): LoaderOption<never, Path, never> {
  return forColumns('defer()', paths, (place, model, choice, name) => {
    if (name === '*') return withDeferred(choice, model.columns)
    const column = columnOf(place, model, name)
    if (isNeeded(column)) throw needed(place, model, column)
    return withDeferred(choice, [column])
  })
}

/**
 * Puts columns into the select that are declared `deferred()`, or that another option leaves out.
 *
 * @param paths as for {@link defer}; `'*'` for all
 * @example
 * query.options(undefer('body'))
 */
export function undefer<const Path extends string>(...paths: readonly Path[]): LoaderOption<never, Path, never> {
  return forColumns('undefer()', paths, (place, model, choice, name) =>
    withUndeferred(choice, name === '*' ? model.columns : [columnOf(place, model, name)]),
  )
}

/**
 * Puts the columns of a group, `deferred('photos')`, into the select.
 *
 * @param path the group, or the group of an entity behind relations: `'books.photos'`
 * @throws ArgumentError for a group that the entity does not have
 * @example
 * query.options(undeferGroup('photos'))
 */
export function undeferGroup(path: string): LoaderOption<never, never, never> {
  return forColumns<never>('undeferGroup()', [path], (place, model, choice, group) => {
    const columns = model.columns.filter(({ deferredGroup }) => deferredGroup === group)
    if (columns.length === 0) throw unknownGroup(place, model, group)
    return withUndeferred(choice, columns)
  })
}

/**
 * Reads these columns and no others, beside the key, foreign keys and the version, which sessions need.
 *
 * @param paths columns, or columns behind relations: `'books.title'`
 * @example
 * query.options(loadOnly('name', 'email'))
 */
export function loadOnly<const Path extends string>(...paths: readonly Path[]): LoaderOption<never, Path, never> {
  return forColumns('loadOnly()', paths, (place, model, choice, name) =>
    withOnly(choice, [columnOf(place, model, name)]),
  )
}

type ChangeChoice = (place: PathPlace, model: EntityModel, choice: ColumnChoice, name: string) => ColumnChoice

function forColumns<Path extends string>(
  call: string,
  paths: readonly string[],
  change: ChangeChoice,
): LoaderOption<never, Path, never> {
  const options = paths.map((path) =>
    columnsOption<Path>(call, path, (place, model, plan, name) =>
      plan.withColumns(change(place, model, plan.columns ?? noChoice, name)),
    ),
  )
  return new LoaderOption((label, model, plan) =>
    options.reduce((changed: LoadPlan, option) => option.change(label, model, changed), plan),
  )
}

function columnOf({ call, path }: PathPlace, model: EntityModel, name: string): ColumnModel {
  const column = model.columnOf.get(name)
  if (column !== undefined) return column
  const names = [...model.columnOf.keys()]
  const close = nearest(name, names)
  const hint = close === undefined ? '' : `did you mean '${close}'? `
  const inPath = path === name ? '' : ` (in '${path}')`
  throw new ArgumentError(
    `${call}: ${nameOf(model)} has no column '${name}'${inPath}; ${hint}it has ${names.join(', ')}.`,
  )
}

function needed({ call }: PathPlace, model: EntityModel, { property }: ColumnModel): ArgumentError {
  return new ArgumentError(
    `${call}: ${nameOf(model)}.${property} cannot be left out: sessions need keys, foreign keys and versions with every row.`,
  )
}

function unknownGroup({ call }: PathPlace, model: EntityModel, group: string): ArgumentError {
  const groups = [...new Set(model.columns.flatMap(({ deferredGroup }) => deferredGroup ?? []))]
  const choices = groups.length === 0 ? 'it has none' : `it has ${groups.join(', ')}`
  return new ArgumentError(`${call}: ${nameOf(model)} has no group '${group}' of deferred columns; ${choices}.`)
}

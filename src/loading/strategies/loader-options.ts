import { ArgumentError } from '../../errors.ts'
import type { EntityModel } from '../../mapping/index.ts'
import { describeValue } from '../../support/index.ts'
import { implied, type PathPlace, planAt, relationIn, writeOnly } from '../relation-paths.ts'
import { type LoadPlan, noPlan, type OtherRelations, type RelationPlan } from './load-plan.ts'
import { checkChoice } from './member-choice.ts'

declare const RELATIONS: unique symbol
declare const COLUMNS: unique symbol
declare const LOADS: unique symbol

/** Changes a plan; paths begin at the model's entity. */
export type PlanChange = (call: string, model: EntityModel, plan: LoadPlan) => LoadPlan

/**
 * What a query is told about the loading of relations and columns: see `selectin`, `joined`, `immediate`, `lazy`, `raise`,
 * `containsEager`, `defaultload`, `defer`, `undefer`, `undeferGroup` and `loadOnly`. Made by these functions, given to
 * `query.options()`; one option can be kept and given to many queries.
 *
 * The types carry what it names, so that a query can check it, and what it loads, so that the results have the types of
 * loaded relations.
 */
export class LoaderOption<
  Relations extends string = string,
  Columns extends string = string,
  Loads extends string = string,
> {
  declare readonly [RELATIONS]: Relations
  declare readonly [COLUMNS]: Columns
  declare readonly [LOADS]: Loads
  /** @internal */
  readonly change: PlanChange

  /** @internal */
  constructor(change: PlanChange) {
    this.change = change
    Object.defineProperty(this, 'change', { enumerable: false })
    Object.freeze(this)
  }
}

/** An option about one relation; `options()` adds what is said of its targets. */
export class RelationLoader<
  Relation extends string = string,
  Relations extends string = string,
  Columns extends string = string,
  Loads extends string = string,
> extends LoaderOption<Relations, Columns, Loads> {
  readonly #path: Relation

  /** @internal */
  constructor(path: Relation, change: PlanChange) {
    super(change)
    this.#path = path
  }

  /**
   * The same option, with options for what the relation leads to: their paths begin there.
   *
   * @throws ArgumentError for anything but loader options
   * @example
   * query.options(selectin('books').options(joined('publisher'), defer('body')))
   */
  options<BelowRelations extends string, BelowColumns extends string, BelowLoads extends string>(
    ...options: readonly LoaderOption<BelowRelations, BelowColumns, BelowLoads>[]
  ): RelationLoader<
    Relation,
    Relations | `${Relation}.${BelowRelations}`,
    Columns | `${Relation}.${BelowColumns}`,
    Loads | ([Loads] extends [never] ? never : `${Relation}.${BelowLoads}`)
  > {
    const path = this.#path
    return new RelationLoader(path, (call, model, plan) => {
      const names = path.split('.')
      const own = this.change(call, model, plan)
      return planAt({ call, path }, model, names, own, implied(undefined), (target, below) =>
        applyOptions(call, target, options, below),
      )
    })
  }
}

/**
 * A plan changed by options, in their order.
 *
 * @throws ArgumentError for what is no option, and for names that the entity does not have; it names the choices
 */
export function applyOptions(
  call: string,
  model: EntityModel,
  options: readonly unknown[],
  plan: LoadPlan = noPlan,
): LoadPlan {
  return options.reduce((changed: LoadPlan, option) => {
    if (option instanceof LoaderOption) return option.change(call, model, changed)
    const hint = typeof option === 'string' ? `; write selectin('${option}'), or use with('${option}')` : ''
    throw new ArgumentError(
      `${call}: takes loader options such as selectin('…'), joined('…') or defer('…'), not ${describeValue(option)}${hint}.`,
    )
  }, plan)
}

/** An option about the relation at the end of a path; those on the way are loaded in the same way, unless something is said of them. */
export function relationOption<Relation extends string, Loads extends string, Columns extends string = never>(
  call: string,
  path: Relation,
  said: Partial<Omit<RelationPlan, 'below' | 'implied'>>,
): RelationLoader<Relation, Relation, Columns, Loads> {
  const names = readPath(call, path)
  const { strategy } = said
  const own = { strategy, depth: 0, innerJoin: false, ...said, implied: false }
  const way = implied(strategy !== undefined && BRINGS.has(strategy) ? strategy : undefined)
  return new RelationLoader(path, (_, model, plan) =>
    planAt({ call, path }, model, names.slice(0, -1), plan, way, (holder, holderPlan) => {
      const link = relationIn(call, holder, names.at(-1) as string, path)
      if (link.options.collection === 'writeOnly') throw writeOnly(call, link)
      if (own.members !== undefined) checkChoice(call, link, own.members)
      return holderPlan.with(link, { ...own, below: holderPlan.relations.get(link)?.below ?? noPlan })
    }),
  )
}

const BRINGS: ReadonlySet<string> = new Set(['selectin', 'joined', 'immediate', 'containsEager'])

/** An option about all relations of the entity at the end of a path that are not named: `'*'`, `'books.*'`. */
export function othersOption<Path extends string, Loads extends string>(
  call: string,
  path: Path,
  others: OtherRelations,
): RelationLoader<Path, Path, never, Loads> {
  const names = readPath(call, path).slice(0, -1)
  return new RelationLoader(path, (_, model, plan) =>
    planAt({ call, path }, model, names, plan, implied(undefined), (_entity, below) => below.withOthers(others)),
  )
}

/** An option about columns of the entity at the end of a path. */
export function columnsOption<Columns extends string>(
  call: string,
  path: string,
  change: (place: PathPlace, model: EntityModel, plan: LoadPlan, name: string) => LoadPlan,
): LoaderOption<never, Columns, never> {
  const names = readPath(call, path)
  return new LoaderOption((_, model, plan) =>
    planAt({ call, path }, model, names.slice(0, -1), plan, implied(undefined), (holder, below) =>
      change({ call, path }, holder, below, names.at(-1) as string),
    ),
  )
}

/** The names of a path. @throws ArgumentError for what is none */
export function readPath(call: string, path: unknown): readonly string[] {
  if (typeof path !== 'string' || path.split('.').includes('')) {
    throw new ArgumentError(`${call} takes a name or a path such as 'a.b', not ${describeValue(path)}.`)
  }
  return path.split('.')
}

/** Whether a path means all relations that are not named. */
export function isWildcard(path: unknown): boolean {
  return typeof path === 'string' && (path === '*' || path.endsWith('.*'))
}

import { ArgumentError } from '../errors.ts'
import { type EntityModel, linkOf, linksOf, nameOf, type RelationLink } from '../mapping/index.ts'
import { describeValue, nearest } from '../support/index.ts'
import { type LoadPlan, noPlan, type RelationPlan } from './strategies/load-plan.ts'

/** Where a path stands, for messages: what was called, and the whole of it. */
export interface PathPlace {
  readonly call: string
  readonly path: string
}

/** A relation that is only on the way, or that `with()` names: whatever an option says of it wins. */
export function implied(strategy: RelationPlan['strategy']): Omit<RelationPlan, 'below'> {
  return { strategy, implied: true, depth: 0, innerJoin: false }
}

/**
 * A plan that is changed at the end of a path through relations.
 *
 * @param onTheWay what is said of the relations that lead there
 * @throws ArgumentError for a name that is no relation; it names the choices
 */
export function planAt(
  place: PathPlace,
  model: EntityModel,
  names: readonly string[],
  plan: LoadPlan,
  onTheWay: Omit<RelationPlan, 'below'>,
  change: (model: EntityModel, plan: LoadPlan) => LoadPlan,
): LoadPlan {
  const [name, ...further] = names
  if (name === undefined) return change(model, plan)
  const link = relationIn(place.call, model, name, place.path)
  if (link.options.collection === 'writeOnly') throw writeOnly(place.call, link)
  const known = plan.relations.get(link)?.below ?? noPlan
  const below = planAt(place, link.target, further, known, onTheWay, change)
  return plan.with(link, { ...onTheWay, below })
}

/** The relation of that name. @throws ArgumentError, which names the choices */
export function relationIn(call: string, model: EntityModel, name: string, path: string): RelationLink {
  const link = linkOf(model, name)
  if (link !== undefined) return link
  const names = linksOf(model).map(({ property }) => property)
  const inPath = path === name ? '' : ` (in '${path}')`
  const close = nearest(name, names)
  const choices = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  const hint = close === undefined ? choices : `did you mean '${close}'? ${choices}`
  throw new ArgumentError(`${call}: ${nameOf(model)} has no relation '${name}'${inPath}; ${hint}.`)
}

/** The error for loading what is never loaded. */
export function writeOnly(call: string, { source, property }: RelationLink): ArgumentError {
  return new ArgumentError(
    `${call}: ${nameOf(source)}.${property} is a write-only collection and is never loaded; read it by instance.${property}.query().`,
  )
}

/**
 * A plan in which the relations that paths such as `'addresses.user'` name are loaded.
 *
 * @throws ArgumentError for anything but paths through relations; it names the choices
 */
export function readPaths(call: string, model: EntityModel, paths: unknown, plan: LoadPlan = noPlan): LoadPlan {
  if (!Array.isArray(paths)) {
    throw new ArgumentError(`${call}: with takes the names of relations in an array, not ${describeValue(paths)}.`)
  }
  return paths.reduce((grown: LoadPlan, path) => withPath(call, model, path, grown), plan)
}

function withPath(call: string, model: EntityModel, path: unknown, plan: LoadPlan): LoadPlan {
  if (typeof path !== 'string') {
    throw new ArgumentError(`${call}: a relation is named by a path such as 'a.b', not by ${describeValue(path)}.`)
  }
  return planAt({ call, path }, model, path.split('.'), plan, implied('load'), (_, below) => below)
}

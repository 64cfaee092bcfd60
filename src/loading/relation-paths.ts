import { ArgumentError } from '../errors.ts'
import { type EntityModel, linkOf, linksOf, nameOf, type RelationLink } from '../mapping/index.ts'
import { describeValue, nearest } from '../support/index.ts'

/** Relations that are to be loaded, each with those of its targets. */
export type RelationTree = ReadonlyMap<RelationLink, RelationTree>

/** No relation at all. */
export const noRelations: RelationTree = new Map()

/**
 * The relations that paths such as `'addresses.user'` name, together with those of `tree`.
 *
 * @throws ArgumentError for anything but paths through relations; it names the choices
 */
export function readPaths(call: string, model: EntityModel, paths: unknown, tree = noRelations): RelationTree {
  if (!Array.isArray(paths)) {
    throw new ArgumentError(`${call}: with takes the names of relations in an array, not ${describeValue(paths)}.`)
  }
  return paths.reduce((grown: RelationTree, path) => withPath(call, model, path, grown), tree)
}

function withPath(call: string, model: EntityModel, path: unknown, tree: RelationTree): RelationTree {
  if (typeof path !== 'string') {
    throw new ArgumentError(`${call}: a relation is named by a path such as 'a.b', not by ${describeValue(path)}.`)
  }
  return grafted(model, path.split('.'), tree, (at, name) => unknownRelation(call, at, name, path))
}

/** The relation of that name. @throws ArgumentError, which names the choices */
export function relationIn(call: string, model: EntityModel, name: string, path: string): RelationLink {
  const link = linkOf(model, name)
  if (link === undefined) throw unknownRelation(call, model, name, path)
  return link
}

type Refusal = (model: EntityModel, name: string) => ArgumentError

function grafted(model: EntityModel, names: readonly string[], tree: RelationTree, refusal: Refusal): RelationTree {
  const [name, ...further] = names
  if (name === undefined) return tree
  const link = linkOf(model, name)
  if (link === undefined) throw refusal(model, name)
  return new Map(tree).set(link, grafted(link.target, further, tree.get(link) ?? noRelations, refusal))
}

function unknownRelation(call: string, model: EntityModel, name: string, path: string): ArgumentError {
  const names = linksOf(model).map(({ property }) => property)
  const inPath = path === name ? '' : ` (in '${path}')`
  const close = nearest(name, names)
  const choices = names.length === 0 ? 'it has none' : `it has ${names.join(', ')}`
  const hint = close === undefined ? choices : `did you mean '${close}'? ${choices}`
  return new ArgumentError(`${call}: ${nameOf(model)} has no relation '${name}'${inPath}; ${hint}.`)
}

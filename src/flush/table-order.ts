import { classesOf, type EntityModel, isInTable, linksOf, rootOf } from '../mapping/index.ts'
import { componentsInOrder } from './components.ts'

/** One question to {@link modelGroups}, and its answer. */
interface Grouping {
  readonly models: readonly EntityModel[]
  readonly groups: EntityModel[][]
}

/** By the first of the entities. Most flushes of a program write rows of a few entities, and the same ones again and again. */
const groupings = new WeakMap<EntityModel, Grouping[]>()

/** Groupings kept for each entity that comes first. */
const KEPT = 16

/**
 * The entities of a flush in the order in which their rows are inserted: what is referred to first. Entities that refer to each other
 * in a circle are one group, whose rows are ordered one by one. A family is told by its root.
 */
export function modelGroups(models: readonly EntityModel[]): readonly (readonly EntityModel[])[] {
  const [first] = models
  if (first === undefined) return []
  if (models.length === 1) return [models]
  const known = groupings.get(first) ?? []
  const same = known.find((one) => isSameList(one.models, models))
  if (same !== undefined) return same.groups
  const groups = findGroups(models)
  // A family may still get classes, and with them relations.
  const isFinal = models.every(({ inheritance }) => inheritance === undefined)
  if (isFinal && known.length < KEPT) groupings.set(first, [...known, { models, groups }])
  return groups
}

function isSameList(some: readonly EntityModel[], others: readonly EntityModel[]): boolean {
  return some.length === others.length && some.every((model, i) => model === others[i])
}

function findGroups(models: readonly EntityModel[]): EntityModel[][] {
  const byTable = new Map(models.flatMap((model) => classesOf(model).map(({ table }) => [table, model])))
  const dependencies = new Map(models.map((model) => [model, new Set<EntityModel>()]))
  for (const model of models) {
    for (const one of classesOf(model)) {
      for (const { references } of one.columns) {
        const target = references === undefined ? undefined : byTable.get(references.table)
        if (target !== undefined) dependencies.get(model)?.add(target)
      }
      for (const link of linksOf(one)) {
        const target = rootOf(link.target)
        if (link.holder === 'source') dependencies.get(model)?.add(target)
        else if (link.holder === 'target') dependencies.get(target)?.add(model)
      }
    }
  }
  return componentsInOrder(models, (model) => dependencies.get(model) ?? [])
}

/** Whether rows of the entity, or of its family, can refer to other rows of it. */
export function isSelfReferring(model: EntityModel): boolean {
  if (model.inheritance !== undefined) return classesOf(model).some((one) => refersTo(one, model))
  let isSelf = selfReferring.get(model)
  if (isSelf === undefined) {
    isSelf = refersTo(model, model)
    selfReferring.set(model, isSelf)
  }
  return isSelf
}

/** Found once for an entity alone; a family may still get classes. */
const selfReferring = new WeakMap<EntityModel, boolean>()

/** Whether rows of one entity can refer to rows of another, or of the family of which that is the root. */
export function refersTo(one: EntityModel, model: EntityModel): boolean {
  return (
    one.columns.some(({ references }) => references !== undefined && hasTable(model, references.table)) ||
    linksOf(one).some(({ holder, target }) => holder === 'source' && rootOf(target) === model) ||
    classesOf(model).some((owner) => linksOf(owner).some(({ holder, target }) => holder === 'target' && target === one))
  )
}

/** Whether a table holds rows of the entity, or of its family. */
function hasTable(model: EntityModel, table: string): boolean {
  return classesOf(model).some((one) => isInTable(one, table))
}

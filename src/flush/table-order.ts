import { classesOf, type EntityModel, isInTable, linksOf, rootOf } from '../mapping/index.ts'
import { componentsInOrder } from './components.ts'

/**
 * The entities of a flush in the order in which their rows are inserted: what is referred to first. Entities that refer to each other
 * in a circle are one group, whose rows are ordered one by one. A family is told by its root.
 */
export function modelGroups(models: readonly EntityModel[]): EntityModel[][] {
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
  return classesOf(model).some((one) => refersTo(one, model))
}

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

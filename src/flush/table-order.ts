import { type EntityModel, linksOf } from '../mapping/index.ts'
import { componentsInOrder } from './components.ts'

/**
 * The entities of a flush in the order in which their rows are inserted: what is referred to first. Entities that refer to each other
 * in a circle are one group, whose rows are ordered one by one.
 */
export function modelGroups(models: readonly EntityModel[]): EntityModel[][] {
  const byTable = new Map<string, EntityModel>()
  for (const model of models) byTable.set(model.table, model)
  const dependencies = new Map(models.map((model) => [model, new Set<EntityModel>()]))
  for (const model of models) {
    for (const { references } of model.columns) {
      const target = references === undefined ? undefined : byTable.get(references.table)
      if (target !== undefined) dependencies.get(model)?.add(target)
    }
    for (const link of linksOf(model)) {
      if (link.holder === 'source') dependencies.get(model)?.add(link.target)
      else if (link.holder === 'target') dependencies.get(link.target)?.add(model)
    }
  }
  return componentsInOrder(models, (model) => dependencies.get(model) ?? [])
}

/** Whether rows of the entity can refer to other rows of it. */
export function isSelfReferring(model: EntityModel): boolean {
  return (
    model.columns.some(({ references }) => references?.table === model.table) ||
    linksOf(model).some((link) => link.target === model && link.holder !== 'pairs')
  )
}

import { defineEntity, type EntityFunction, MODEL } from '../../src/mapping/index.ts'

/** Stands in for `entity()` where nothing but the model matters: the class that it gives has no properties of its own. */
export const plainEntity = ((table: string, definition: object, options?: object) => {
  const model = defineEntity(table, definition, options)
  const base = class {}
  Object.defineProperty(base, MODEL, { value: model })
  return base
}) as unknown as EntityFunction

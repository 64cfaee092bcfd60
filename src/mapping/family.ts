import { MappingError } from '../errors.ts'
import { found } from './found.ts'
import type { ColumnModel, EntityModel, Family, Inheritance } from './model.ts'
import { nameOf } from './registry.ts'

/** What makes the place of a class in its family; it needs the model, which is not finished by then. */
export type Inherit = (model: EntityModel) => Inheritance

/** The place of the root in the family that it founds. */
export function foundFamily(discriminator: ColumnModel): Inherit {
  return (root) => ({
    family: new GrowingFamily(root, discriminator),
    parent: undefined,
    lineage: [root],
    identity: discriminator.discriminator?.identity,
    parts: [Object.freeze({ table: root.table, schema: root.schema, owner: root, columns: root.columns })],
  })
}

/** The classes of one family. They are added while classes are declared, and never leave. */
class GrowingFamily implements Family {
  readonly root: EntityModel
  readonly discriminator: ColumnModel
  readonly #classes: EntityModel[]
  readonly #byValue = new Map<unknown, EntityModel>()

  constructor(root: EntityModel, discriminator: ColumnModel) {
    this.root = root
    this.discriminator = discriminator
    this.#classes = [root]
    const identity = discriminator.discriminator?.identity
    if (identity !== undefined) this.#byValue.set(identity, root)
  }

  get classes(): readonly EntityModel[] {
    return this.#classes
  }

  find(value: unknown): EntityModel | undefined {
    return this.#byValue.get(value)
  }

  /** @throws MappingError where another class has the value */
  add(model: EntityModel, place: string, identity: unknown): void {
    const owner = identity === undefined ? undefined : this.#byValue.get(identity)
    if (owner !== undefined) {
      throw new MappingError(
        `${place}: the discriminator ${found(identity)} is that of ${nameOf(owner)} already; give each class a value of its own.`,
      )
    }
    this.#classes.push(model)
    if (identity !== undefined) this.#byValue.set(identity, model)
  }
}

/** A new class joins the family of its parent. */
export function joinFamily(model: EntityModel, place: string): void {
  const { family, identity } = model.inheritance as Inheritance
  ;(family as GrowingFamily).add(model, place, identity)
}

/** The root of the entity's family; itself where it is of none. The rows of a family share one identity map. */
export function rootOf(model: EntityModel): EntityModel {
  return model.inheritance === undefined ? model : model.inheritance.family.root
}

/** The classes of the entity's family, parents before their children; itself alone where it is of none. */
export function classesOf(model: EntityModel): readonly EntityModel[] {
  return model.inheritance === undefined ? [model] : model.inheritance.family.classes
}

/** Whether instances of a class are instances of the other too: it is that one, or inherits from it. */
export function isKindOf(model: EntityModel, other: EntityModel): boolean {
  if (model === other) return true
  const depth = other.inheritance?.lineage.length
  return depth !== undefined && model.inheritance?.lineage[depth - 1] === other
}

/** The entity and the classes that inherit from it. */
export function kindsOf(model: EntityModel): readonly EntityModel[] {
  return classesOf(model).filter((other) => isKindOf(other, model))
}

/** Whether rows of the entity are in the table of that name, or in it too. */
export function isInTable(model: EntityModel, table: string): boolean {
  if (model.inheritance === undefined) return model.table === table
  return model.inheritance.parts.some((part) => part.table === table)
}

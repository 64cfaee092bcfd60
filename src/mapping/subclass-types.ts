import type { SubclassOptions } from './define-subclass.ts'
import type { EntityModel } from './model.ts'
import type { MODEL } from './model-symbol.ts'
import type {
  DefinitionOf,
  FlagsOf,
  InstanceMethods,
  InstanceOf,
  Properties,
  RequiredNames,
  ValueOf,
  Values,
} from './types.ts'

// biome-ignore lint/suspicious/noExplicitAny: only `any` matches the constructor parameters of every class
type AnyClass = abstract new (...args: any[]) => object

/** A class that others can inherit from by `subclass()`. */
export type Inheritable = AnyClass & { readonly [MODEL]: EntityModel }

type TableOf<Class> = Class extends { readonly [MODEL]: { readonly table: infer Table extends string } } ? Table : never

/** The names of a definition's column that tells the classes apart. */
type DiscriminatorName<Definition> = {
  [Name in keyof Definition]: 'discriminator' extends FlagsOf<Definition[Name]> ? Name : never
}[keyof Definition]

/** The values that can stand for a class in the family of an entity. */
export type DiscriminatorOf<Entity> = ValueOf<
  DefinitionOf<Entity>[DiscriminatorName<DefinitionOf<Entity>> & keyof DefinitionOf<Entity>]
>

type SubclassArguments<Inherited, Definition> = [RequiredNames<Inherited> | RequiredNames<Definition>] extends [never]
  ? [values?: Values<Inherited> & Values<Definition>]
  : [values: Values<Inherited> & Values<Definition>]

/** What `subclass()` returns: a class below the parent's, with the parent's properties and its own. */
export interface SubclassOf<Parent extends Inheritable, Table extends string, Definition> {
  readonly [MODEL]: EntityModel & { readonly table: Table }
  // The parameter keeps TypeScript from looking at the arguments, and so at other classes, before this one is known.
  new <_ = never>(
    ...values: SubclassArguments<DefinitionOf<InstanceOf<Parent>>, Definition>
  ): Properties<Definition> & InstanceMethods<DefinitionOf<InstanceOf<Parent>> & Definition> & InstanceOf<Parent>
}

/** The static members of a class, which a class below it has too. */
type StaticsOf<Class> = Omit<Class, 'prototype' | typeof MODEL>

/**
 * The type of the function `subclass`: describes what a class adds to its parent, and gives the class to extend.
 *
 * @example
 * class Manager extends subclass(Employee, { level: integer() }, { discriminator: 'manager' }) {}
 */
export type SubclassFunction = <
  Parent extends Inheritable,
  Definition extends object,
  const Table extends string = TableOf<Parent>,
>(
  parent: Parent,
  definition: Definition,
  options?: SubclassOptions<keyof Definition & string, DiscriminatorOf<InstanceOf<Parent>>, Table>,
) => SubclassOf<Parent, Table | TableOf<Parent>, Definition> & StaticsOf<Parent>

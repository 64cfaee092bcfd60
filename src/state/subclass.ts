import { defineSubclass, modelOf, type SubclassFunction } from '../mapping/index.ts'
import { createSubclass } from './entity-class.ts'

/**
 * Describes a class that inherits from an entity, and gives the class that its own class extends. The parent has a column that tells the classes
 * apart; each row is of one class. Without `table` the parent's table holds the columns that are added; with it a table of its own
 * does, whose key is that of the parent's table.
 *
 * ```ts
 * class Employee extends entity('employees', {
 *   id: integer().primaryKey(),
 *   type: varchar(20).discriminator('employee'),
 *   name: text(),
 * }) {}
 * class Manager extends subclass(Employee, { level: integer() }, { discriminator: 'manager' }) {}
 * class Engineer extends subclass(Employee, { language: text() }, { discriminator: 'engineer', table: 'engineers' }) {}
 *
 * new Manager({ name: 'ann', level: 3 }) instanceof Employee   // true
 * await session.query(Employee).all()                          // managers, engineers and other employees
 * ```
 *
 * @param parent the class to inherit from: an entity's own class, or another subclass
 * @param definition a column or a relation for each property that is added
 * @param options the value that tells the class, a table of its own, indexes, checks
 * @throws MappingError when the definition cannot work; the message says how to mend it
 * @see https://docs.sqlalchemy.org/en/20/orm/inheritance.html
 */
export const subclass: SubclassFunction = ((parent: unknown, definition: object, options?: object) =>
  createSubclass(parent as never, defineSubclass(modelOf(parent), definition, options))) as unknown as SubclassFunction

import { defineEntity, type EntityFunction } from '../mapping/index.ts'
import { createEntityClass } from './entity-class.ts'

/**
 * Describes a table, and gives the class that the entity's own class extends.
 *
 * ```ts
 * class User extends entity('users', {
 *   id: integer().primaryKey(),
 *   name: text(),
 *   nickname: text().nullable(),
 * }, { indexes: [['name']] }) {
 *   greet() { return `hi ${this.name}` }
 * }
 * new User({ name: 'ed' })
 * ```
 *
 * Properties are accessors on the class: setting one is noticed, reading one never does any I/O. Instances show their columns
 * to `console.log` and `JSON.stringify`; `toObject()` gives a plain copy.
 *
 * @param table the table's name
 * @param definition a column for each property
 * @param options indexes, checks, schema
 * @throws MappingError when the definition cannot work; the message says how to mend it
 * @see https://docs.sqlalchemy.org/en/20/orm/declarative_tables.html
 */
export const entity: EntityFunction = ((table: string, definition: object, options?: object) =>
  createEntityClass(defineEntity(table, definition, options))) as unknown as EntityFunction

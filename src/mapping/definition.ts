import { MappingError } from '../errors.ts'
import { type ColumnSpec, isColumn, SPEC } from './column.ts'
import { found } from './found.ts'
import type { RelationSource } from './model.ts'
import { propertyNameProblem } from './names.ts'
import { isRelation } from './relation.ts'

/** A definition taken apart: its columns in order, and its relations unevaluated. */
export interface Definition {
  readonly columns: ReadonlyMap<string, ColumnSpec>
  readonly relations: readonly RelationSource[]
}

/**
 * Takes a definition apart. Getters are kept and never called here: the classes they name may not exist yet.
 *
 * @param place how messages begin
 */
export function readDefinition(place: string, definition: unknown): Definition {
  if (typeof definition !== 'object' || definition === null || Array.isArray(definition)) {
    throw new MappingError(
      `${place}: the definition must be an object of columns and relations, got ${found(definition)}.`,
    )
  }
  const columns = new Map<string, ColumnSpec>()
  const relations: RelationSource[] = []
  for (const property of Reflect.ownKeys(definition)) {
    checkName(place, property)
    const descriptor = Object.getOwnPropertyDescriptor(definition, property) as PropertyDescriptor
    const relation = readRelation(definition, property, descriptor)
    if (relation === undefined) columns.set(property, readColumn(`${place}, property '${property}'`, descriptor))
    else relations.push(relation)
  }
  return { columns, relations }
}

function checkName(place: string, property: string | symbol): asserts property is string {
  const problem = propertyNameProblem(property)
  if (problem === undefined) return
  const name = String(property)
  throw new MappingError(
    `${place}: the property '${name}' ${problem}. Choose another property; for a column the name in the database can stay: ` +
      `text().named('${name}').`,
  )
}

function readRelation(
  definition: object,
  property: string,
  descriptor: PropertyDescriptor,
): RelationSource | undefined {
  const { get, value } = descriptor
  if (get !== undefined) return Object.freeze({ property, describe: () => get.call(definition) as unknown })
  return isRelation(value) ? Object.freeze({ property, describe: () => value }) : undefined
}

function readColumn(place: string, { value }: PropertyDescriptor): ColumnSpec {
  if (isColumn(value)) return value[SPEC]
  const hint = typeof value === 'function' ? '; it may lack its parentheses, as in text()' : ''
  throw new MappingError(
    `${place}: expected a column such as text(), or a getter that returns a relation, got ${found(value)}${hint}.`,
  )
}

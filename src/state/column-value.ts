import { ArgumentError } from '../errors.ts'
import { type ColumnModel, type EntityModel, isSqlExpression } from '../mapping/index.ts'

/**
 * Refuses a value that the column cannot hold. Null always passes: whether a column takes it is the database's to say.
 *
 * @throws ArgumentError naming the property, what was expected and what was given.
 */
export function checkValue(model: EntityModel, column: ColumnModel, value: unknown): void {
  if (column.readOnly) throw readOnly(model, column)
  if (column.discriminator !== undefined) refuseOtherClass(model, column, value)
  if (value === null || isSqlExpression(value)) return
  const problem = value === undefined ? 'undefined is no value; assign null to store NULL' : column.type.problem(value)
  if (problem !== undefined) throw new ArgumentError(`Setting ${model.name}.${column.property}: ${problem}.`)
}

/** An instance stays what it is: its class and the value that tells it belong together. */
function refuseOtherClass(model: EntityModel, { property }: ColumnModel, value: unknown): void {
  if (value === model.inheritance?.identity) return
  throw new ArgumentError(
    `Setting ${model.name}.${property}: it tells the class of the row, and is always ${String(model.inheritance?.identity)} for ${model.name}; make an ` +
      'instance of the other class, and delete this one.',
  )
}

function readOnly(model: EntityModel, { property, computed }: ColumnModel): ArgumentError {
  const why = computed === undefined ? 'the column is read-only' : 'the database computes the column'
  return new ArgumentError(`Setting ${model.name}.${property}: ${why}, so the program cannot set it.`)
}

/** Whether a value that is there is the same as another. */
export function isSame(column: ColumnModel, a: unknown, b: unknown): boolean {
  return a !== undefined && (a === b || sameValue(column, a, b))
}

/** Whether two values of a column are equal; null and expressions are equal to nothing. */
export function sameValue(column: ColumnModel, a: unknown, b: unknown): boolean {
  if (a === null || b === null || isSqlExpression(a) || isSqlExpression(b)) return false
  return column.type.equals(a, b)
}

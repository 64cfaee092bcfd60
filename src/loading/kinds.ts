import { InvalidRequestError, UnknownDiscriminatorError } from '../errors.ts'
import { type EntityModel, type Family, type Inheritance, isKindOf, nameOf } from '../mapping/index.ts'
import type { InstanceState } from '../state/index.ts'
import type { Hydration } from './hydration.ts'

/**
 * Finds the class of each row, and how rows of it are hydrated. The columns of a class come first in those below it, so that a row serves for
 * all of them; what a class has beyond is read afterwards. Undefined where the rows do not tell their class.
 */
export function kindReader(hydration: Hydration): Hydration['kindOf'] {
  const { model, columns } = hydration
  const { family } = model.inheritance as Inheritance
  const place = columns.indexOf(family.discriminator)
  if (place < 0) return undefined
  const hydrations = new Map<unknown, Hydration | undefined>()
  return (row) => {
    const value = row[place]
    const known = hydrations.get(value)
    if (known !== undefined || hydrations.has(value)) return known
    const kind = family.find(value)
    if (kind === undefined) throw unknownKind(family, model, value)
    const own = isKindOf(kind, model) ? ofKind(hydration, kind) : undefined
    hydrations.set(value, own)
    return own
  }
}

function ofKind(hydration: Hydration, kind: EntityModel): Hydration {
  if (kind === hydration.model) return hydration
  const { columns, whole } = hydration
  const complete = kind.loaded.every((column) => columns.includes(column))
  return {
    ...hydration,
    model: kind,
    whole: whole && kind.columns.length === columns.length,
    complete,
    kindOf: undefined,
  }
}

/** Whether rows of an entity may be of classes that have more columns. */
export function hasKinds(model: EntityModel): boolean {
  return model.inheritance !== undefined && model.inheritance.family.classes.length > 1
}

function unknownKind(
  { discriminator, classes }: Family,
  model: EntityModel,
  value: unknown,
): UnknownDiscriminatorError {
  const known = classes.flatMap(({ inheritance }) =>
    inheritance?.identity === undefined ? [] : [inheritance.identity],
  )
  return new UnknownDiscriminatorError(
    `Reading ${nameOf(model)}: a row has ${JSON.stringify(value)} in '${discriminator.property}', which stands for no class; known are ` +
      `${known.map((one) => JSON.stringify(one)).join(', ')}. Import the module that declares the class, declare one with subclass(…, { discriminator: ` +
      '… }), or mend the row.',
    { property: discriminator.property, value },
  )
}

/** The error for a row that has become one of another class while the session holds its instance. */
export function changedClass(state: InstanceState, kind: EntityModel): InvalidRequestError {
  return new InvalidRequestError(
    `Reading ${state.describe()}: its row is that of a ${nameOf(kind)} by now, and an instance keeps its class; expunge it, and read it again.`,
  )
}

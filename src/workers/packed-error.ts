import * as ownErrors from '../errors.ts'
import { DatabaseError, type HeddleError } from '../index.ts'
import { describeValue } from '../support/index.ts'
import { refuseUnsendable } from './sendable.ts'

/** A class of errors of the program, which is to be the same on both sides. */
export type ErrorClass = abstract new (...args: never[]) => Error

/** An error in a form that can be copied into another thread. What was thrown and is no error is copied as it is. */
export type Packed =
  | { readonly kind: 'error'; readonly error: PackedError }
  | { readonly kind: 'value'; readonly value: unknown }

interface PackedError {
  readonly className: string
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly code: string | undefined
  readonly cause: Packed | undefined
  /** Of an AggregateError. */
  readonly errors: readonly Packed[] | undefined
  readonly suppressed: readonly Packed[] | undefined
  /** All other properties that can be copied. */
  readonly fields: Readonly<Record<string, unknown>>
}

const special = new Set(['name', 'message', 'stack', 'code', 'cause', 'errors', 'suppressed'])

/** Packs what was thrown. Never throws: what cannot be copied is described. */
export function packError(thrown: unknown): Packed {
  return pack(thrown, new Set())
}

function pack(thrown: unknown, outer: ReadonlySet<unknown>): Packed {
  if (!(thrown instanceof Error)) return { kind: 'value', value: copied(thrown) }
  if (outer.has(thrown)) return { kind: 'value', value: `${thrown.name}, which is its own cause` }
  const around = new Set([...outer, thrown])
  const given = thrown as Error & Partial<HeddleError> & { readonly errors?: unknown }
  const packAll = (errors: unknown) =>
    Array.isArray(errors) ? errors.map((each: unknown) => pack(each, around)) : undefined
  return {
    kind: 'error',
    error: {
      className: thrown.constructor.name,
      name: String(thrown.name),
      message: String(thrown.message),
      stack: thrown.stack,
      code: typeof given.code === 'string' ? given.code : undefined,
      cause: 'cause' in thrown ? pack(thrown.cause, around) : undefined,
      errors: packAll(given.errors),
      suppressed: packAll(given.suppressed),
      fields: fieldsOf(thrown),
    },
  }
}

function fieldsOf(error: Error): Record<string, unknown> {
  const fields: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(error)) if (!special.has(name)) fields[name] = copied(value)
  const { code } = error as { code?: unknown }
  if (code !== undefined && typeof code !== 'string') fields['code'] = copied(code)
  if (error instanceof DatabaseError) fields['parameters'] = copied(error.parameters)
  return fields
}

function copied(value: unknown): unknown {
  try {
    refuseUnsendable(value, 'value', '')
    return structuredClone(value)
  } catch {
    return describeValue(value)
  }
}

/**
 * The error on the other side: of the same class where that is heddle's, one of the language, or among `classes`; else an Error with the
 * same name. Its stack is that of the thread where it was thrown.
 */
export function unpackError(packed: Packed, classes: readonly ErrorClass[]): unknown {
  if (packed.kind === 'value') return packed.value
  const { error } = packed
  const unpackAll = (all: readonly Packed[]) => all.map((each) => unpackError(each, classes))
  const cause = error.cause === undefined ? {} : { cause: unpackError(error.cause, classes) }
  const made = make(error, cause, unpackAll(error.errors ?? []), classes)
  if (made.name !== error.name) set(made, 'name', error.name, false)
  if (error.suppressed !== undefined) set(made, 'suppressed', unpackAll(error.suppressed), true)
  if (error.code !== undefined && (made as { code?: unknown }).code !== error.code) set(made, 'code', error.code, true)
  for (const [name, value] of Object.entries(error.fields)) if (!(name in made)) set(made, name, value, true)
  if (error.stack !== undefined) set(made, 'stack', error.stack, false)
  return made
}

interface Cause {
  readonly cause?: unknown
}

function make(
  { className, name, message, code, fields }: PackedError,
  cause: Cause,
  errors: readonly unknown[],
  classes: readonly ErrorClass[],
): Error {
  const known = classes.find((each) => each.name === className)
  if (known !== undefined) return ofClass(known, message, cause)
  const own = (ownErrors as Record<string, unknown>)[className]
  if (typeof own === 'function') {
    const Own = own as new (message: string, options: object) => Error
    return new Own(message, { ...fields, ...cause, ...(code !== undefined && { code }) })
  }
  if (className === 'DOMException') return Object.assign(new DOMException(message, name))
  const native = (globalThis as Record<string, unknown>)[className]
  if (native === AggregateError) return new AggregateError(errors, message, cause)
  const Native = isErrorClass(native) ? native : Error
  return new Native(message, cause)
}

/** Without its constructor, whose parameters nobody knows here. */
function ofClass(known: ErrorClass, message: string, cause: Cause): Error {
  const made = Object.create(known.prototype as object) as Error
  set(made, 'message', message, false)
  if ('cause' in cause) set(made, 'cause', cause.cause, false)
  return made
}

function isErrorClass(value: unknown): value is new (message: string, options: Cause) => Error {
  return typeof value === 'function' && (value === Error || value.prototype instanceof Error)
}

function set(error: Error, name: string, value: unknown, enumerable: boolean): void {
  Object.defineProperty(error, name, { value, enumerable, writable: true, configurable: true })
}

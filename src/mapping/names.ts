/** PostgreSQL cuts longer names off without an error; MySQL's limit is 64 characters. */
const LONGEST_NAME = 63

/** Why a text cannot name a table, a column, an index or a schema: completes "a table's name …". */
export function databaseNameProblem(name: unknown): string | undefined {
  if (typeof name !== 'string') return 'must be a string'
  if (name === '') return 'must not be empty'
  if (name !== name.trim()) return 'must not begin or end with a space'
  if (/[\p{Cc}"'`[\]]/u.test(name)) return 'must not hold quotes, brackets or control characters'
  if (name.includes('.')) return 'must not hold a point'
  const size = new TextEncoder().encode(name).length
  return size <= LONGEST_NAME
    ? undefined
    : `must not be longer than ${LONGEST_NAME} bytes (it has ${size}): databases cut it off`
}

/** Properties that heddle itself puts on every instance. */
const OWN = new Set(['toObject', 'toJSON'])

/**
 * Why a property of instances cannot have this name, or undefined when it can. Refused are the names of Object.prototype:
 * JavaScript itself calls `toString` and `constructor` on instances, and `__proto__` is no property at all; and `then`, by
 * which `await` would take an instance for a promise.
 */
export function propertyNameProblem(name: string | symbol): string | undefined {
  if (typeof name === 'symbol') return 'is a symbol; name properties by strings'
  if (OWN.has(name)) return `would hide the method ${name}() that heddle gives every instance`
  if (name === 'then') return 'would make `await` take an instance for a promise'
  if (name in Object.prototype) return `would hide what JavaScript itself calls ${name} on every object`
  if (/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name)) return undefined
  return 'is no identifier, which a property must be'
}

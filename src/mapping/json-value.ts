import { found } from './found.ts'

/** Deeper than any document, and shallow enough for every JSON parser; also where a comparison of cycles ends. */
const DEEPEST = 1000

/**
 * Why a value would not come back from JSON as it went in, with the place: `expected a JSON value, got Date … at $.since`.
 * A property that is undefined counts as absent.
 */
export function jsonProblem(value: unknown): string | undefined {
  return problemAt(value, '$', new Set())
}

function problemAt(value: unknown, path: string, around: Set<object>): string | undefined {
  if (typeof value === 'string') return textProblem(value, path)
  if (value === null || typeof value === 'boolean' || Number.isFinite(value)) return undefined
  if (!Array.isArray(value) && !isPlainObject(value)) return `expected a JSON value, got ${found(value)} at ${path}`
  if (around.has(value)) return `expected a JSON value, got a cycle at ${path}`
  if (around.size === DEEPEST) return `expected a JSON value, got one nested deeper than ${DEEPEST} levels`
  around.add(value)
  const problem = problemInside(value, path, around)
  around.delete(value)
  return problem
}

function problemInside(value: object, path: string, around: Set<object>): string | undefined {
  if (Array.isArray(value)) {
    for (let i = 0; i < value.length; i++) {
      const problem = problemAt(value[i], `${path}[${i}]`, around)
      if (problem !== undefined) return problem
    }
    return undefined
  }
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined) continue
    const problem = textProblem(name, path) ?? problemAt(part, `${path}.${name}`, around)
    if (problem !== undefined) return problem
  }
  return undefined
}

/** Half a surrogate pair is an escape that PostgreSQL and MariaDB refuse, and that SQLite keeps. */
function textProblem(text: string, path: string): string | undefined {
  if ((text as string & { isWellFormed(): boolean }).isWellFormed()) return undefined
  return `expected well-formed text, got half of a surrogate pair at ${path}`
}

/** An object whose prototype is null or the root of some realm: what JSON.parse gives back. */
function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return false
  const prototype: object | null = Object.getPrototypeOf(value)
  return prototype === null || (Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'hasOwnProperty'))
}

/** Whether two JSON values are the same document: the order of properties does not count, the order of items does. */
export function sameJson(a: unknown, b: unknown): boolean {
  return sameAt(a, b, 0)
}

function sameAt(a: unknown, b: unknown, depth: number): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null || depth > DEEPEST) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    if (!Array.isArray(a) || !Array.isArray(b) || a.length !== b.length) return false
    return a.every((item, index) => sameAt(item, b[index], depth + 1))
  }
  if (!isPlainObject(a) || !isPlainObject(b)) return false
  const names = presentNames(a)
  if (names.length !== presentNames(b).length) return false
  return names.every((name) => Object.hasOwn(b, name) && sameAt(a[name], b[name], depth + 1))
}

function presentNames(value: Record<string, unknown>): string[] {
  return Object.keys(value).filter((name) => value[name] !== undefined)
}

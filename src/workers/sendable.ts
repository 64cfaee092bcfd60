import { Connection, Engine, Session, state, Transaction, UnsendableError } from '../index.ts'

type Advice = readonly [what: string, instead: string]

/**
 * Refuses what belongs to this thread, or cannot be copied: it would arrive as an empty object, or not at all.
 *
 * @param root how the value itself is called in messages: 'item'
 * @param purpose completes 'cannot be sent to another thread': ' as item 3 of map()'
 * @throws UnsendableError which names it and the way to it
 */
export function refuseUnsendable(value: unknown, root: string, purpose: string): void {
  const seen = new Set<object>()
  const waiting: [value: unknown, path: string][] = [[value, root]]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const [found, path] = next
    const refusal = refusalOf(found)
    if (refusal !== undefined) throw unsendable(refusal, path, purpose)
    if (typeof found !== 'object' || found === null || seen.has(found)) continue
    seen.add(found)
    for (const part of partsOf(found, path)) waiting.push(part)
  }
}

/** What cannot be sent and was found only by the attempt to do so. */
export function uncloneable(cause: unknown, root: string, purpose: string): UnsendableError {
  const why = cause instanceof Error ? cause.message : String(cause)
  return new UnsendableError(`${root} cannot be sent to another thread${purpose}: ${why}`, { cause, path: root })
}

function unsendable([what, instead]: Advice, path: string, purpose: string): UnsendableError {
  return new UnsendableError(`${path} cannot be sent to another thread${purpose}: it is ${what}. ${instead}`, { path })
}

function refusalOf(value: unknown): Advice | undefined {
  if (typeof value === 'function') {
    return [
      value.name === '' ? 'a function' : `the function ${value.name}`,
      'Send the values that it would be called with.',
    ]
  }
  if (typeof value === 'symbol') return ['a symbol', 'Send a text.']
  if (typeof value !== 'object' || value === null) return undefined
  return refusalOfOwn(value) ?? refusalOfInstance(value) ?? refusalOfOthers(value)
}

function refusalOfOwn(value: object): Advice | undefined {
  if (value instanceof Session) return ['a session', 'Each item has one of its own in the other thread.']
  if (value instanceof Engine) return ['an engine', 'Each thread makes its own, in the module of the worker.']
  if (value instanceof Connection) return ['a connection', 'Each thread has a pool of its own to take one from.']
  if (value instanceof Transaction) return ['a transaction', 'Each item has one of its own in the other thread.']
  return undefined
}

function refusalOfInstance(value: object): Advice | undefined {
  const status = statusOf(value)
  if (status === undefined) return undefined
  const name = value.constructor.name
  const { key } = state(value)
  const which =
    key == null
      ? ''
      : ` (${name}#${JSON.stringify(key, (_, part) => (typeof part === 'bigint' ? String(part) : part))})`
  return [
    `an instance of ${name}${which}, which is ${status} and belongs to this thread`,
    'Send its key and get() it there, or its toObject(), for fromObject() and session.merge() on the other side.',
  ]
}

function statusOf(value: object): string | undefined {
  try {
    const found = state(value)
    return (['transient', 'pending', 'persistent', 'deleted'] as const).find((each) => found[each]) ?? 'detached'
  } catch {
    return undefined
  }
}

function refusalOfOthers(value: object): Advice | undefined {
  if (value instanceof Promise) return ['a promise', 'Await it before.']
  if (value instanceof WeakMap || value instanceof WeakSet || value instanceof WeakRef) {
    return [`a ${value.constructor.name}`, 'Send what it refers to.']
  }
  return undefined
}

/** What is copied with it: members of collections, and properties as the copying sees them. */
function* partsOf(value: object, path: string): Generator<[unknown, string]> {
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof SharedArrayBuffer) return
  if (value instanceof Map) {
    let index = 0
    for (const [key, member] of value) {
      yield [key, `${path}.keys()[${index}]`]
      yield [member, `${path}.get(${shown(key, index++)})`]
    }
  } else if (value instanceof Set) {
    let index = 0
    for (const member of value) yield [member, `${path}.values()[${index++}]`]
  } else {
    for (const [name, member] of Object.entries(value)) {
      yield [member, Array.isArray(value) ? `${path}[${name}]` : `${path}.${name}`]
    }
  }
}

function shown(key: unknown, index: number): string {
  return typeof key === 'string' || typeof key === 'number' ? JSON.stringify(key) : `key ${index}`
}

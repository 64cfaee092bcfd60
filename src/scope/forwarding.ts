import type { Session } from '../session/index.ts'

/** What is not acted on through a registry: what sessions are made of, and the end of a variable. */
const kept = new Set<PropertyKey>(['constructor', 'core', Symbol.asyncDispose])

/**
 * Defines on `target` every method, getter, setter and field that `sample` has, those of a class that extends Session included. Each
 * looks the session up when it is used, and acts on that one.
 */
export function forwardMembers(target: object, sample: Session, current: () => Session): void {
  for (const [name, descriptor] of membersOf(sample)) {
    Object.defineProperty(target, name, { configurable: true, ...forward(name, descriptor, current) })
  }
}

/** The members of an object and of its classes; the most derived wins. */
function membersOf(sample: Session): Map<PropertyKey, PropertyDescriptor> {
  const members = new Map<PropertyKey, PropertyDescriptor>()
  for (let owner: object = sample; owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
    for (const name of Reflect.ownKeys(owner)) {
      const descriptor = Object.getOwnPropertyDescriptor(owner, name)
      if (descriptor !== undefined && !kept.has(name) && !members.has(name)) members.set(name, descriptor)
    }
  }
  return members
}

function forward(name: PropertyKey, member: PropertyDescriptor, current: () => Session): PropertyDescriptor {
  const here = () => current() as unknown as Record<PropertyKey, unknown>
  if (typeof member.value === 'function') {
    const value = (...args: unknown[]) => {
      const session = here()
      return Reflect.apply(session[name] as (...args: unknown[]) => unknown, session, args)
    }
    return { value, writable: true }
  }
  const get = () => here()[name]
  const set = (value: unknown) => {
    here()[name] = value
  }
  const isField = 'value' in member
  return { ...((isField || member.get) && { get }), ...((isField || member.set) && { set }) }
}

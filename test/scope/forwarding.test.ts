import { describe, expect, it } from 'vitest'
import {
  type Bind,
  createEngine,
  Session as OrmSession,
  type ScopedSession,
  scopedSession,
  sessionmaker,
} from '../../src/index.ts'
import { Note } from './notes.ts'

const engine = createEngine('sqlite://')

class TenantSession extends OrmSession {
  readonly asked: string[] = []
  tenant = 'none'
  #quota = 1
  override getBind(entityClass?: Parameters<OrmSession['getBind']>[0]): Bind {
    this.asked.push(entityClass?.name ?? 'nothing')
    return engine
  }
  describe(prefix: string, ...more: number[]): string {
    return `${prefix} ${this.tenant} ${more.join()}`
  }
  get quota(): number {
    return this.#quota
  }
  set quota(value: number) {
    this.#quota = value
  }
}

describe('a registry of a class that extends Session', () => {
  const make = (): ScopedSession<TenantSession> =>
    scopedSession(sessionmaker<TenantSession>({ class: TenantSession, bind: engine }))

  it('SCOPE-010 uses the methods that the class overrides', async () => {
    const Session = make()
    await Session.run(() => {
      expect(Session.getBind(Note)).toBe(engine)
      expect(Session().asked).toEqual(['Note'])
    })
  })

  it('SCOPE-010 has the methods, getters, setters and fields that the class adds', async () => {
    const Session = make()
    await Session.run(() => {
      expect(Session.describe('tenant', 1, 2)).toBe('tenant none 1,2')
      Session.tenant = 'acme'
      expect(Session().tenant).toBe('acme')
      expect(Session.describe('tenant')).toBe('tenant acme ')
      Session.quota = 5
      expect(Session.quota).toBe(5)
      expect(Session()).toBeInstanceOf(TenantSession)
    })
  })

  it('gives the class to functions and listeners', async () => {
    const Session = make()
    Session.on('beforeCommit', ({ session }) => void expect(session.tenant).toBe('none'))
    const tenant: string = await Session.begin((session) => session.tenant)
    expect(tenant).toBe('none')
  })
})

describe('a registry', () => {
  it('has every public member of Session, and none of what sessions are made of', () => {
    const Session = scopedSession(sessionmaker())
    const members = new Set<PropertyKey>()
    for (let owner = OrmSession.prototype; owner !== Object.prototype; owner = Object.getPrototypeOf(owner)) {
      for (const name of Reflect.ownKeys(owner)) members.add(name)
    }
    const missing = [...members].filter((name) => !Object.hasOwn(Session, name))
    expect(missing).toEqual(expect.arrayContaining(['constructor', 'core', Symbol.asyncDispose]))
    expect(missing).toHaveLength(3)
    expect(Object.hasOwn(Session, 'core')).toBe(false)
  })

  it('does not make a session current by being made, or by being asked', async () => {
    const Session = scopedSession(sessionmaker())
    await Session.run(() => expect(Session.has()).toBe(false))
  })
})

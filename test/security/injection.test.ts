import { describe, expect, it } from 'vitest'
import { ArgumentError, createAll, entity, integer, json, sessionmaker, text } from '../../src/index.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

class Note extends entity('notes', {
  id: integer().primaryKey(),
  body: text(),
  doc: json<Record<string, unknown>>().nullable(),
}) {}

/** What a request's body may be. */
const parsed = (body: string) => JSON.parse(body) as { body: string }

describe('an instance made of what somebody sent', () => {
  it('never reaches a prototype: __proto__ and constructor are unknown properties', () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const make = () => new Note(parsed(`{ "body": "x", "${name}": { "isAdmin": true } }`))
      expect(make).toThrow(ArgumentError)
      expect(make).toThrow(`'${name}'`)
    }
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
    expect(Object.getPrototypeOf(new Note({ body: 'x' }))).toBe(Note.prototype)
  })

  it('refuses properties that the entity does not have, and what is inherited is not taken', () => {
    expect(() => new Note(parsed('{ "body": "x", "isAdmin": true }'))).toThrow(/no property 'isAdmin'/)
    const inheriting = Object.create({ body: 'inherited' }) as { body: string }
    expect(new Note(inheriting).body).not.toBe('inherited')
  })

  it('takes no object where a text is wanted, so that no condition and no statement can be smuggled in', () => {
    for (const body of ['{ "body": { "sql": "now()" } }', '{ "body": ["a"] }', '{ "body": 1 }']) {
      expect(() => new Note(parsed(body))).toThrow(ArgumentError)
    }
  })
})

onEvery({}, (db) => {
  it('conditions from outside are values: an object, an array or an operator among them is refused or compared, never run', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Note])
    const Sessions = sessionmaker({ bind: engine })
    await Sessions.begin((session) => session.add(new Note({ body: 'secret' })))
    await Sessions.begin(async (session) => {
      for (const given of [{ '!=': '' }, { not: 'x' }, ['secret', 'x'], { toOperationNode: 'x' }]) {
        expect(() => session.query(Note).filterBy({ body: given as never })).toThrow(ArgumentError)
      }
      expect(await session.query(Note).filterBy({ body: "' or 1 = 1 --" }).all()).toEqual([])
      const injected = 'id; drop table notes' as never
      expect(() => session.query(Note).orderBy(injected)).toThrow(ArgumentError)
      expect(await session.query(Note).count()).toBe(1)
    })
  })

  it('a JSON document with a __proto__ of its own is stored and comes back as plain data', async () => {
    const engine = openEngine(await db.freshUrl())
    await createAll(engine, [Note])
    const Sessions = sessionmaker({ bind: engine })
    const doc = JSON.parse('{ "a": 1, "__proto__": { "isAdmin": true } }') as Record<string, unknown>
    await Sessions.begin((session) => session.add(new Note({ body: 'x', doc })))
    const back = (await Sessions.begin((session) => session.query(Note).one())).doc
    expect(JSON.stringify(back)).toBe(JSON.stringify(doc))
    expect(Object.getPrototypeOf(back)).toBe(Object.prototype)
    expect(({} as { isAdmin?: boolean }).isAdmin).toBeUndefined()
  })
})

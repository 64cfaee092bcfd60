import { describe, expect, it, onTestFinished } from 'vitest'
import {
  ArgumentError,
  entity,
  flagModified,
  integer,
  json,
  listens,
  manyToOne,
  off,
  on,
  oneToMany,
  sql,
  varchar,
} from '../../src/index.ts'
import { onEvery } from '../support/index.ts'
import { openFlushes } from './flush-entities.ts'

class Pot extends entity('ins_pots', {
  id: integer().primaryKey(),
  name: varchar(40),
  colour: varchar(20).nullable(),
  state: varchar(20).serverDefault(sql`'fresh'`),
  size: integer().default(1),
  doubled: integer().computed(sql`size * 2`),
  notes: json<string[]>().default([]),
  get plants() {
    return oneToMany(() => Plant, { backPopulates: 'pot', cascade: 'all, delete-orphan' })
  },
}) {}

class Plant extends entity('ins_plants', {
  id: integer().primaryKey(),
  name: varchar(40),
  potId: integer().nullable().references('ins_pots.id'),
  get pot() {
    return manyToOne(() => Pot, { foreignKey: 'potId', backPopulates: 'plants' }).nullable()
  },
}) {}

/** Listens for the rest of this test. */
const listen = ((...given: Parameters<typeof on>) => onTestFinished(on(...given))) as unknown as typeof on

onEvery({}, (db) => {
  it('refreshFlush tells what a flush has read back, once it is there', async () => {
    const { Sessions } = await openFlushes(db, [Pot, Plant])
    const heard: unknown[] = []
    listen(Pot, 'refreshFlush', ({ target, session, properties }) => {
      heard.push([target.state, target.doubled, session?.has(target), properties])
    })
    await using session = Sessions()
    const pot = new Pot({ name: 'a' })
    session.add(pot)
    await session.flush()
    expect(heard.splice(0)).toEqual([['fresh', 2, true, ['id', 'state', 'doubled']]])
    pot.size = 4
    await session.flush()
    expect(heard.splice(0)).toEqual([['fresh', 8, true, ['doubled']]])
    session.add(new Plant({ name: 'fern' }))
    session.delete(pot)
    await session.flush()
    expect(heard).toEqual([])
  })

  it('a listener of refreshFlush that fails fails the flush, and a rollback restores', async () => {
    const { Sessions } = await openFlushes(db, [Pot, Plant])
    const failure = new Error('no')
    const stop = on(Pot, 'refreshFlush', () => {
      throw failure
    })
    await using session = Sessions()
    const pot = new Pot({ name: 'a' })
    session.add(pot)
    await expect(session.flush()).rejects.toBe(failure)
    stop()
    await session.rollback()
    expect(session.has(pot)).toBe(false)
    session.add(pot)
    await session.commit()
    expect(await session.query(Pot).count()).toBe(1)
  })

  it('a collection that is replaced is told as a whole before its members, and what a listener puts in its place is stored', async () => {
    const { Sessions } = await openFlushes(db, [Pot, Plant])
    await using session = Sessions()
    const [fern, ivy, moss] = ['fern', 'ivy', 'moss'].map((name) => new Plant({ name })) as [Plant, Plant, Plant]
    const pot = new Pot({ name: 'a', plants: [fern] })
    session.add(pot)
    await session.commit()
    const heard: string[] = []
    const names = (plants: Iterable<object>) => Array.from(plants as Iterable<Plant>, ({ name }) => name).join(' ')
    listen(Pot, 'bulkReplace', { property: 'plants' }, (event) => {
      heard.push(`replace by ${names(event.value)}`)
      event.value = [...event.value].filter((plant) => plant !== moss)
    })
    listen(Pot, 'append', ({ value }) => heard.push(`append ${names([value])}`))
    listen(Pot, 'remove', ({ value }) => heard.push(`remove ${names([value])}`))
    await pot.plants
    Object.assign(pot, { plants: [ivy, moss] })
    expect(heard).toEqual(['replace by ivy moss', 'remove fern', 'append ivy'])
    await session.commit()
    expect((await session.query(Plant).all()).map(({ name }) => name)).toEqual(['ivy'])
  })

  it('a value that initScalar gives to a column that was never set stays, and is stored', async () => {
    const { Sessions } = await openFlushes(db, [Pot, Plant])
    listen(Pot, 'initScalar', { property: 'colour' }, (event) => {
      event.value = `as ${event.target.name}`
    })
    await using session = Sessions()
    const [read, unread] = [new Pot({ name: 'clay' }), new Pot({ name: 'tin' })]
    expect(read.colour).toBe('as clay')
    session.addAll([read, unread])
    await session.commit()
    expect(await session.scalars(sql`select colour from ins_pots order by id`)).toEqual(['as clay', null])
    expect(unread.colour).toBeNull()
  })
})

describe('listeners of an entity', () => {
  it('modified is told by flagModified', () => {
    const heard: unknown[] = []
    listen(Pot, 'modified', { property: 'notes' }, ({ property, value }) => heard.push([property, value]))
    const pot = new Pot({ name: 'a', notes: ['x'] })
    pot.notes.push('y')
    flagModified(pot, 'notes')
    flagModified(pot, 'name')
    expect(heard).toEqual([['notes', ['x', 'y']]])
  })

  it('a replacement that is no collection is refused, and nothing has changed', () => {
    listen(Pot, 'bulkReplace', (event) => {
      event.value = 'fern' as never
    })
    const fern = new Plant({ name: 'fern' })
    const pot = new Pot({ name: 'a' })
    pot.plants.add(fern)
    expect(() => Object.assign(pot, { plants: [] })).toThrow(ArgumentError)
    expect(fern.pot).toBe(pot)
  })

  it('once ends with the first event; off and listens know a listener by the class it was added to', () => {
    class Bowl extends Pot {}
    let heard = 0
    const hear = () => {
      heard++
    }
    on(Pot, 'init', hear, { once: true })
    expect([listens(Pot, 'init', hear), listens(Bowl, 'init', hear)]).toEqual([true, false])
    new Pot({ name: 'a' })
    new Pot({ name: 'b' })
    expect([heard, listens(Pot, 'init', hear)]).toEqual([1, false])
    on(Pot, 'init', hear)
    const stop = on(Pot, 'init', hear)
    off(Bowl, 'init', hear)
    new Bowl({ name: 'c' })
    expect(heard).toBe(3)
    off(Pot, 'init', hear)
    stop()
    off(Pot, 'init', hear)
    new Pot({ name: 'd' })
    expect(heard).toBe(3)
  })
})

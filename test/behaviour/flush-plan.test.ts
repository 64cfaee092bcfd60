import { describe, expect, it } from 'vitest'
import { describePlan, previewFlush } from '../../src/flush/index.ts'
import { type InstanceState, stateOf } from '../../src/state/index.ts'
import { keepInMemory, MemoryTables } from '../property/memory-tables.ts'
import { Address, Album, Label, Node, Song, User } from './flush-entities.ts'

const open = () => {
  const tables = new MemoryTables([User, Address, Node, Album, Song, Label])
  const keeper = keepInMemory(tables)
  return { tables, keeper, unit: keeper.unit, plan: () => describePlan(previewFlush(keeper.unit)).split('\n') }
}

describe('a plan, without a database', () => {
  it('puts tables that others refer to first on the way in and last on the way out, pairs in between', async () => {
    const { keeper, plan } = open()
    const album = new Album({ title: 'one', lead: new User({ name: 'ed' }) })
    album.songs.add(new Song({ title: 'a' }), new Song({ title: 'b' }))
    album.labels.add(new Label({ name: 'x' }))
    keeper.add(album)
    expect(plan()).toEqual([
      'insert users (name) 1 row, id from the database',
      'insert albums (title, leadId) 1 row, id from the database',
      'insert songs (title, albumId) 2 rows, id from the database',
      'insert labels (name) 1 row, id from the database',
      'insert album_labels (albumId, labelId) 1 row',
    ])
    await keeper.flush()
    keeper.delete(album)
    for (const song of await album.songs) keeper.delete(song)
    expect(plan()).toEqual([
      'delete album_labels where albumId, labelId, 1 row',
      'delete songs where id, 2 rows',
      'delete albums where id, 1 row',
    ])
  })

  it('is made without any change of a record, and the same each time', async () => {
    const { keeper, unit, plan } = open()
    const [user, address] = [new User({ name: 'ed' }), new Address({ email: 'a' })]
    user.addresses.add(address)
    keeper.add(user)
    const first = plan()
    expect(plan()).toEqual(first)
    expect([...unit.pending].map(({ instance }) => instance)).toEqual([user, address])
    expect([user.id, address.userId, stateOf(address).status]).toEqual([null, null, 'pending'])
    await keeper.flush()
    expect(plan()).toEqual([''])
  })

  it('breaks a circle of rows by an UPDATE at the end', async () => {
    const { keeper, plan } = open()
    const [a, b] = [new Node({ name: 'a' }), new Node({ name: 'b' })]
    a.parent = b
    b.parent = a
    keeper.add(a)
    expect(plan()).toEqual([
      'insert nodes (name, parentId) 1 row, id from the database',
      'insert nodes (name, parentId) 1 row, id from the database',
      'update nodes set parentId where id, 1 row',
    ])
    await keeper.flush()
    expect([a.parentId, b.parentId]).toEqual([b.id, a.id])
    keeper.delete(a)
    keeper.delete(b)
    expect(plan().map((line) => line.split(' ')[0])).toEqual(['update', 'delete', 'delete'])
    await keeper.flush()
  })

  it('visits what has changed, whatever the number of instances that are there: 100,000 clean ones, one changed', async () => {
    const { keeper, tables, unit } = open()
    const users = Array.from({ length: 100_000 }, (_, i) => {
      const user = new User({ name: `u${i}` })
      const state = stateOf(user)
      state.values[0] = i + 1
      state.owner = unit
      state.status = 'pending'
      unit.becomePersistent(state)
      return user
    })
    const visited = new Set<InstanceState>()
    for (const user of users) {
      const state = stateOf(user)
      const { model } = state
      Object.defineProperty(state, 'model', {
        get: () => {
          visited.add(state)
          return model
        },
      })
    }
    const changed = users[50_000] as User
    tables.put('users', [changed.id, changed.name])
    changed.name = 'changed'
    visited.clear()
    expect(describePlan(previewFlush(unit))).toBe('update users set name where id, 1 row')
    await keeper.write()
    expect([...visited].map(({ instance }) => instance)).toEqual([changed])
    expect(tables.statements).toBe(1)
  })
})

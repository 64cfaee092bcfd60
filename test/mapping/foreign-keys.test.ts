import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { MappingError } from '../../src/errors.ts'
import {
  bigint,
  defineEntity,
  type EntityModel,
  type ForeignKey,
  foreignKeyGraph,
  integer,
  text,
  varchar,
} from '../../src/mapping/index.ts'

const id = integer().primaryKey()
const to = (table: string) => integer().references(`${table}.id`)
const tables = (models: Iterable<EntityModel>) => [...models].map((model) => model.table)
const told = (key: ForeignKey) =>
  `${key.child.table}(${key.columns.map((column) => column.property)}) → ${key.parent.table}(${key.targets.map((column) => column.property)})`

describe('foreignKeyGraph', () => {
  it('puts parents before their children and otherwise keeps the order', () => {
    const a = defineEntity('a', { id, c: to('c') })
    const b = defineEntity('b', { id })
    const c = defineEntity('c', { id, d: to('d') })
    const d = defineEntity('d', { id })
    const graph = foreignKeyGraph([a, b, c, d, a])
    expect(tables(graph.order)).toEqual(['d', 'c', 'a', 'b'])
    expect(graph.foreignKeys.map(told)).toEqual(['a(c) → c(id)', 'c(d) → d(id)'])
    expect(graph.deferred.size).toBe(0)
  })

  it('defers the foreign key that closes a cycle, but not that of a table to itself', () => {
    const a = defineEntity('a', { id, b: to('b'), a: to('a') })
    const b = defineEntity('b', { id, c: to('c') })
    const c = defineEntity('c', { id, a: to('a') })
    const graph = foreignKeyGraph([a, b, c])
    expect(tables(graph.order)).toEqual(['c', 'b', 'a'])
    expect([...graph.deferred].map(told)).toEqual(['c(a) → a(id)'])
    expect(graph.foreignKeys).toHaveLength(4)
  })

  it('defers exactly what points forward in its order, whatever the graph', () => {
    const edges = fc.array(fc.tuple(fc.nat(7), fc.nat(7)), { maxLength: 20 })
    fc.assert(
      fc.property(edges, (pairs) => {
        const models = Array.from({ length: 8 }, (_, from) => {
          const targets = new Set(pairs.filter(([child]) => child === from).map(([, parent]) => parent))
          const columns = [...targets].map((parent) => [`t${parent}Id`, to(`t${parent}`)] as const)
          return defineEntity(`t${from}`, { id, ...Object.fromEntries(columns) })
        })
        const { order, deferred, foreignKeys } = foreignKeyGraph(models)
        const place = (model: EntityModel) => order.indexOf(model)
        const acyclic = pairs.every(([child, parent]) => child >= parent)
        return (
          new Set(order).size === 8 &&
          foreignKeys.every((key) => deferred.has(key) === place(key.parent) > place(key.child)) &&
          (!acyclic || deferred.size === 0)
        )
      }),
    )
  })

  it('finds a column by its property, by its given name, and in snake case', () => {
    const parent = defineEntity('parents', { id, taxNumber: text().unique(), code: text().unique().named('the_code') })
    const child = defineEntity('children', {
      id,
      a: text().references('parents.taxNumber'),
      b: text().references('parents.tax_number'),
      c: text().references('parents.the_code'),
    })
    expect(foreignKeyGraph([child, parent]).foreignKeys.map(told)).toEqual([
      'children(a) → parents(taxNumber)',
      'children(b) → parents(taxNumber)',
      'children(c) → parents(code)',
    ])
  })

  it('takes references to all parts of a composite key for one foreign key', () => {
    const parent = defineEntity('lines', { orderId: integer().primaryKey(), position: integer().primaryKey() })
    const action = { onDelete: 'cascade' } as const
    const child = defineEntity('notes', {
      id,
      position: integer().references('lines.position', action),
      orderId: integer().references('lines.orderId', action),
    })
    const { foreignKeys } = foreignKeyGraph([child, parent])
    expect(foreignKeys.map(told)).toEqual(['notes(orderId,position) → lines(orderId,position)'])
    expect(foreignKeys[0]).toMatchObject({ onDelete: 'cascade', onUpdate: undefined })
    const uneven = defineEntity('uneven', {
      id,
      position: integer().references('lines.position'),
      orderId: integer().references('lines.orderId', action),
    })
    expect(() => foreignKeyGraph([uneven, parent])).toThrow('give all of them the same onDelete and onUpdate')
  })

  it('looks for a table in the schema of the one that references it, then in the others', () => {
    const here = defineEntity('users', { id }, { schema: 'here' })
    const there = defineEntity('users', { id }, { schema: 'there' })
    const near = defineEntity(
      'notes',
      { id, user: to('users'), far: integer().references('there.users.id') },
      { schema: 'here' },
    )
    expect(foreignKeyGraph([here, there, near]).foreignKeys.map((key) => key.parent)).toEqual([here, there])
    const outside = defineEntity('notes', { id, user: to('users') })
    expect(foreignKeyGraph([here, outside]).foreignKeys[0]?.parent).toBe(here)
    expect(() => foreignKeyGraph([here, there, outside])).toThrow(
      "several schemas have the table; write 'schema.table.column' for one of 'here.users', 'there.users'",
    )
  })

  const parent = defineEntity('parents', { id, name: text(), code: varchar(9).unique() }, { indexes: [['name']] })
  const pair = defineEntity('pairs', { a: integer().primaryKey(), b: integer().primaryKey() })
  const child = (column: object) => () => foreignKeyGraph([parent, pair, defineEntity('kids', { id, ref: column })])
  it.each([
    ['an unknown table', to('parent'), "kids.ref.references('parent.id'): no entity among those given has this table"],
    ['an unknown table, with the near one', to('parent'), "did you mean 'parents'?"],
    [
      'an unknown schema',
      integer().references('app.parents.id'),
      "references('app.parents.id'): no entity among those given",
    ],
    ['an unknown column', integer().references('parents.idd'), "parents has no column 'idd'; did you mean 'id'?"],
    [
      'another kind',
      bigint().references('parents.id'),
      'is bigint(), but parents.id, which it references, is integer()',
    ],
    [
      'text for varchar',
      text().references('parents.code'),
      'is text(), but parents.code, which it references, is varchar()',
    ],
    [
      'what identifies no row',
      text().references('parents.name'),
      "does not identify one row of parents; reference parents's key 'id'",
    ],
    [
      'half a composite key',
      integer().references('pairs.a'),
      "reference all of pairs's key ('a', 'b'), each part by one column",
    ],
  ])('a reference to %s is refused', (_, column, reason) => {
    expect(child(column)).toThrow(MappingError)
    expect(child(column)).toThrow(reason)
  })

  it('a reference to a column that a unique index covers is accepted', () => {
    const unique = defineEntity('parents', { id, name: text() }, { uniques: [['name']] })
    const kid = defineEntity('kids', { id, ref: text().references('parents.name') })
    expect(foreignKeyGraph([unique, kid]).foreignKeys.map(told)).toEqual(['kids(ref) → parents(name)'])
  })

  it('a table mapped twice is refused', () => {
    expect(() => foreignKeyGraph([parent, defineEntity('parents', { id })])).toThrow(
      "The table 'parents' is mapped twice",
    )
    expect(foreignKeyGraph([parent, defineEntity('parents', { id }, { schema: 'other' })]).order).toHaveLength(2)
  })
})

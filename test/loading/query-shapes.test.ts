import fc from 'fast-check'
import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import type { Statement } from '../../src/drivers/index.ts'
import { entityTable } from '../../src/loading/entity-table.ts'
import { Query } from '../../src/loading/query.ts'
import type { QueryTarget } from '../../src/loading/query-target.ts'
import { ShapeCache } from '../../src/loading/shape-cache.ts'
import { modelOf, namingOf } from '../../src/mapping/index.ts'
import { createDialect, type Dialect, StatementCache } from '../../src/sql/index.ts'
import { Item, Swapped } from './samples.ts'

/** Keeps what it is asked to run, and answers with nothing. */
class Recorder implements QueryTarget {
  readonly statements: Statement[] = []
  readonly dialect: Dialect

  constructor(dialect: Dialect) {
    this.dialect = dialect
  }

  dialectFor(): Dialect {
    return this.dialect
  }

  async loadEntities({ statement }: { readonly statement: Statement }): Promise<object[]> {
    this.statements.push(statement)
    return []
  }

  async writeBulk(): Promise<never> {
    throw new Error('This target writes nothing.')
  }

  async loadRows(select: { readonly statement: Statement }): Promise<object[]> {
    return this.loadEntities(select)
  }

  async runFor(_model: unknown, statement: Statement) {
    this.statements.push(statement)
    return { rows: [[0]], rowCount: 1, columns: ['n'] }
  }

  async *streamEntities(): AsyncIterable<object> {}
}

type Items = Query<Item, Item, 'stockItems'>
/** A call on a query, with what it is called for a counterexample. */
interface Call {
  readonly text: string
  readonly run: (query: Items) => Items
  /** Its text is not known beforehand: nothing of it may be kept. */
  readonly free?: true
}

const comparisons = ['=', '==', '!=', '<>', '<', '<=', '>', '>='] as const
const ids = fc.integer({ min: -5, max: 5 })
const names = fc.constantFrom('', 'a', "o'x", '; | : 0:=:value;', '0:in:list2')

const calls: fc.Arbitrary<Call>[] = [
  fc
    .tuple(fc.constantFrom(...comparisons), ids)
    .map(([operator, id]) => call(`id ${operator} ${id}`, (q) => q.where('id', operator, id))),
  fc
    .tuple(fc.constantFrom('name' as const, 'stockItems.name' as const), names)
    .map(([property, name]) => call(`${property} = ${name}`, (q) => q.where(property, '=', name))),
  fc
    .tuple(fc.constantFrom('like' as const, 'not like' as const), names)
    .map(([operator, name]) => call(`${operator} ${name}`, (q) => q.where('name', operator, name))),
  fc
    .tuple(fc.constantFrom('in' as const, 'not in' as const), fc.array(ids, { maxLength: 40 }))
    .map(([operator, list]) => call(`${operator} ${list}`, (q) => q.where('id', operator, list))),
  fc
    .tuple(fc.constantFrom('in' as const, 'not in' as const), fc.array(names, { maxLength: 3 }))
    .map(([operator, list]) => call(`${operator} ${list}`, (q) => q.where('name', operator, list))),
  fc
    .constantFrom('=' as const, '!=' as const, 'is' as const, 'is not' as const)
    .map((operator) => call(`${operator} null`, (q) => q.where('shortName', operator, null))),
  fc.boolean().map((value) => call(`is ${value}`, (q) => q.where('isActive', 'is', value))),
  fc
    .boolean()
    .map((value) => call(`active ${value}`, (q) => q.filterBy({ isActive: value, shortName: value ? null : 'x' }))),
  fc.bigInt({ min: 0n, max: 9n }).map((size) => call(`size ${size}`, (q) => q.filterBy({ size }))),
  fc
    .tuple(fc.constantFrom(...comparisons), fc.constantFrom('id' as const, 'ownerId' as const))
    .map(([operator, right]) => call(`ref ${operator} ${right}`, (q) => q.whereRef('ownerId', operator, right))),
  fc
    .tuple(
      fc.constantFrom('id' as const, 'shortName' as const),
      fc.constantFrom(undefined, 'asc' as const, 'desc' as const),
      fc.constantFrom(undefined, 'first' as const, 'last' as const),
    )
    .map(([property, direction, nulls]) =>
      call(`order ${property} ${direction} ${nulls}`, (q) =>
        q.orderBy(property, { ...(direction && { direction }), ...(nulls && { nulls }) }),
      ),
    ),
  fc.nat({ max: 3 }).map((n) => call(`limit ${n}`, (q) => q.limit(n))),
  fc.nat({ max: 3 }).map((n) => call(`offset ${n}`, (q) => q.offset(n))),
  fc.constant(call('distinct', (q) => q.distinct())),
  fc
    .constantFrom({}, { nowait: true }, { skipLocked: true })
    .map((options) => call(`for update ${JSON.stringify(options)}`, (q) => q.forUpdate(options))),
  fc
    .constantFrom({}, { nowait: true })
    .map((options) => call(`for share ${JSON.stringify(options)}`, (q) => q.forShare(options))),
  fc.constant(call('populate', (q) => q.populateExisting())),
  ids.map((id) => free(`callback ${id}`, (q) => q.where((eb) => eb('id', '=', id)))),
  ids.map((id) => free(`raw ${id}`, (q) => q.where(sql<boolean>`id = ${id}`))),
  ids.map((id) => free(`modify ${id}`, (q) => q.modify((qb) => qb.where('id', '=', id)))),
  fc.constant(free('order raw', (q) => q.orderBy(sql`random()`))),
]

function call(text: string, run: Call['run']): Call {
  return { text, run }
}

function free(text: string, run: Call['run']): Call {
  return { text, run, free: true }
}

const ends = ['all', 'first', 'oneOrNull', 'count', 'exists'] as const
const programs = fc.record({
  calls: fc
    .array(fc.oneof(...calls), { maxLength: 6 })
    .map((list) => Object.assign(list, { [fc.toStringMethod]: () => list.map(({ text }) => text).join('; ') })),
  end: fc.constantFrom(...ends),
})

/** What the program runs on this dialect. */
async function statementOf(
  dialect: Dialect,
  program: { readonly calls: readonly Call[]; readonly end: (typeof ends)[number] },
): Promise<Statement> {
  const recorder = new Recorder(dialect)
  const start: Items = new Query(recorder as QueryTarget, Item)
  await program.calls.reduce((query, { run }) => run(query), start)[program.end]()
  expect(recorder.statements).toHaveLength(1)
  return recorder.statements[0] as Statement
}

const servers = { sqlite: undefined, postgres: undefined, mysql: { product: 'mariadb', version: '10.11.9' } } as const

function freshDialect(name: keyof typeof servers): Dialect {
  const dialect = createDialect(name, namingOf('camelToSnake'))
  const server = servers[name]
  return server === undefined ? dialect : dialect.forServer(server)
}

describe.each(['sqlite', 'postgres', 'mysql'] as const)('kept texts on %s', (name) => {
  it('are those that compiling anew gives, whatever was compiled before, and no two queries share one by mistake', async () => {
    const shared = freshDialect(name)
    const textOfName = new Map<string, string>()
    await fc.assert(
      fc.asyncProperty(programs, async (program) => {
        const kept = await statementOf(shared, program)
        const anew = await statementOf(freshDialect(name), program)
        expect(kept).toEqual(anew)
        if (program.calls.some((one) => one.free)) expect(kept.name).toBeUndefined()
        if (kept.name === undefined) return
        expect(textOfName.get(kept.name) ?? kept.sql).toBe(kept.sql)
        textOfName.set(kept.name, kept.sql)
      }),
      { numRuns: 1_500 },
    )
    expect(new Set(textOfName.values()).size).toBe(textOfName.size)
    expect(textOfName.size).toBeGreaterThan(100)
  })

  it('are one for two queries that differ in values alone, and are compiled once', async () => {
    const dialect = freshDialect(name)
    let compiled = 0
    const counting: Dialect = {
      ...dialect,
      compiler: {
        compileQuery: (...args) => {
          compiled += 1
          return dialect.compiler.compileQuery(...args)
        },
      },
    }
    const recorder = new Recorder(counting)
    const users: Items = new Query(recorder as QueryTarget, Item)
    for (const id of [1, 2, 3]) {
      await users
        .where('id', '=', id)
        .filterBy({ name: `n${id}` })
        .orderBy('id')
        .limit(id)
        .offset(id)
        .all()
    }
    expect(compiled).toBe(1)
    expect(new Set(recorder.statements.map((statement) => statement.name)).size).toBe(1)
    expect(recorder.statements.map((statement) => statement.parameters)).toEqual(
      [1, 2, 3].map((id) => [id, `n${id}`, id, id]),
    )
    await users.where((eb) => eb('id', '=', 1)).all()
    await users.where((eb) => eb('id', '=', 1)).all()
    expect(compiled).toBe(3)
  })
})

describe('kept texts', () => {
  it('belong to one entity and one dialect', () => {
    const dialect = freshDialect('sqlite')
    const items = entityTable(dialect, modelOf(Item))
    expect(entityTable(dialect, modelOf(Item))).toBe(items)
    expect(entityTable(dialect, modelOf(Swapped))).not.toBe(items)
    expect(entityTable(freshDialect('sqlite'), modelOf(Item))).not.toBe(items)
  })

  it('do not grow without bound, and the one that was not used for longest goes first', () => {
    const statements = new StatementCache(4)
    const cache = new ShapeCache(statements)
    for (const shape of ['a', 'b', 'c', 'd']) cache.add(shape, `select ${shape}`)
    expect(cache.get('a')?.sql).toBe('select a')
    cache.add('e', 'select e')
    expect(statements.status).toEqual({ hits: 1, misses: 0, size: 4, limit: 4 })
    expect(cache.get('b')).toBeUndefined()
    expect(cache.get('a')?.sql).toBe('select a')
    expect(new ShapeCache(statements).get('a')).toBeUndefined()
    expect(statements.status).toEqual({ hits: 2, misses: 2, size: 4, limit: 4 })
  })

  it('have the same name when they come back, so that a connection does not prepare them twice', () => {
    const cache = new ShapeCache(new StatementCache(1))
    const first = cache.add('a', 'select a').name
    cache.add('b', 'select b')
    expect(cache.get('a')).toBeUndefined()
    expect(cache.add('a', 'select a').name).toBe(first)
    expect(cache.add('b', 'select b').name).not.toBe(first)
  })

  it('are not kept for long lists of placeholders, where every length is another text', async () => {
    const recorder = new Recorder(freshDialect('sqlite'))
    const items: Items = new Query(recorder as QueryTarget, Item)
    const list = (length: number) => Array.from({ length }, (_, index) => index)
    await items.where('id', 'in', list(32)).all()
    await items.where('id', 'in', list(33)).all()
    expect(recorder.statements.map((statement) => statement.name !== undefined)).toEqual([true, false])
  })
})

describe('a lock whose text depends on the version of the server', () => {
  it('lets the session connect first, once, and only then is written', async () => {
    const unknown = createDialect('mysql', namingOf('camelToSnake'))
    const asked: string[] = []
    const target = new (class extends Recorder {
      #current = unknown
      override dialectFor(): Dialect {
        return this.#current
      }
      override async runFor(model: unknown, statement: Statement) {
        this.#current = unknown.forServer({ product: 'mysql', version: '8.4.0' })
        return super.runFor(model, statement)
      }
    })(unknown)
    const items = new Query(target as QueryTarget, Item)
    for (const query of [items.forShare({ skipLocked: true }), items.forUpdate({ of: 'stockItems' })]) await query.all()
    for await (const _ of items.forUpdate({ nowait: true })) asked.push('row')
    expect(asked).toEqual([])
    expect(target.statements.map(({ sql: text }) => text.replace(/^.* from `stock_items` /, ''))).toEqual([
      'select 1',
      'for share skip locked',
      'for update of `stock_items`',
    ])
  })

  it('is refused when the server turns out not to have it', async () => {
    const known = createDialect('mysql', namingOf('camelToSnake')).forServer({ product: 'mysql', version: '5.7.44' })
    const items = new Query(new Recorder(known) as QueryTarget, Item)
    expect(() => items.forUpdate({ nowait: true })).toThrow(/nowait.*mysql 5\.7\.44/)
  })
})

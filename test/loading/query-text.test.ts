import { sql } from 'kysely'
import { describe, expect, it } from 'vitest'
import { ArgumentError, MappingError } from '../../src/errors.ts'
import { Filed, Item, Swapped } from './samples.ts'
import { textQuery } from './targets.ts'

const items = textQuery('postgres', Item)
const onSqlite = textQuery('sqlite', Item)
const onMysql = textQuery('mysql', Item)

/** The part of the text after the selected columns. */
function tail(query: { toSql(): { sql: string } }): string {
  return query.toSql().sql.replace(/^select (distinct )?.*? from ["`]stock_items["`] ?/, '$1')
}

const day = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 678))
const uuid = '0B5F8F9E-6D3C-4A55-9D52-0F5F8D0A7C11'

describe('the select', () => {
  it('has all columns in model order, each under the name of its property', () => {
    expect(textQuery('postgres', Swapped).toSql()).toEqual({
      sql: 'select "swapped"."id", "swapped"."b" as "a", "swapped"."a" as "b" from "swapped"',
      parameters: [],
    })
    const { sql: text } = textQuery('mysql', Item).toSql()
    expect(text).toMatch(
      /^select `stock_items`.`id`, `stock_items`.`name`, `stock_items`.`short_name` as `shortName`, /,
    )
    expect(text).toContain('`stock_items`.`secret_token` as `token`')
  })

  it('names the schema where the entity has one', () => {
    expect(textQuery('postgres', Filed).where('fileName', '=', 'a').toSql().sql).toBe(
      'select "archive"."files"."id", "archive"."files"."file_name" as "fileName" from "archive"."files" where "archive"."files"."file_name" = $1',
    )
  })

  it('follows the naming of the engine', () => {
    const naming = { table: (name: string) => `app_${name}`, column: (name: string) => name.toUpperCase() }
    expect(textQuery('sqlite', Swapped, naming).where('id', '=', 1).toSql().sql).toContain(
      '"app_swapped"."ID" as "id", "app_swapped"."b" as "a", "app_swapped"."a" as "b" from "app_swapped" where "app_swapped"."ID" = ?',
    )
  })

  it('refuses what is no entity class', () => {
    expect(() => textQuery('sqlite', class {} as unknown as typeof Item)).toThrow(MappingError)
  })

  it('is a new one with every addition: a query never changes', () => {
    const start = items.where('id', '=', 1)
    const before = start.toSql()
    start.where('name', '=', 'a').orderBy('id').limit(1).offset(1).distinct().forUpdate()
    start.modify((qb) => qb.where('name', '=', 'b'))
    expect(start.toSql()).toEqual(before)
  })

  it('cannot be awaited by mistake: it is no promise', async () => {
    expect('then' in items).toBe(false)
    expect(await (items as unknown as Promise<unknown>)).toBe(items)
  })
})

describe('where()', () => {
  it('takes a property, an operator and a value', () => {
    expect(tail(items.where('shortName', '=', 'a').where('stockItems.id', '>=', 2))).toBe(
      'where "stock_items"."short_name" = $1 and "stock_items"."id" >= $2',
    )
    expect(items.where('shortName', '=', 'a').where('id', '>=', 2).toSql().parameters).toEqual(['a', 2])
  })

  it('writes a comparison with null as `is null`, and `!=` as `is not null`', () => {
    expect(tail(items.where('shortName', '=', null))).toBe('where "stock_items"."short_name" is null')
    expect(tail(items.where('shortName', '!=', null))).toBe('where "stock_items"."short_name" is not null')
    expect(tail(items.where('shortName', 'is not', null))).toBe('where "stock_items"."short_name" is not null')
    expect(tail(items.where((eb) => eb('shortName', '=', null)))).toBe('where "stock_items"."short_name" is null')
    expect(tail(items.where('shortName', 'is distinct from', null))).toBe(
      'where "stock_items"."short_name" is distinct from $1',
    )
  })

  it('sends a list as one array where the database has arrays, and value by value elsewhere', () => {
    expect(tail(items.where('id', 'in', [1, 2]))).toBe('where "stock_items"."id" = any($1)')
    expect(items.where('id', 'in', [1, 2]).toSql().parameters).toEqual([[1, 2]])
    expect(tail(items.where('id', 'not in', [1, 2]))).toBe('where "stock_items"."id" != all($1)')
    expect(tail(onSqlite.where('id', 'in', [1, 2]))).toBe('where "stock_items"."id" in (?, ?)')
    expect(onSqlite.where('id', 'in', [1, 2]).toSql().parameters).toEqual([1, 2])
  })

  it('lets an empty list match nothing, and `not in` everything', () => {
    for (const query of [items, onSqlite, onMysql]) {
      expect(tail(query.where('id', 'in', []))).toBe('where 1 = 0')
      expect(tail(query.where('id', 'not in', []))).toBe('where 1 = 1')
      expect(tail(query.where((eb) => eb('id', 'in', [])))).toBe('where 1 = 0')
    }
  })

  it('refuses an unknown property, and guesses what was meant', () => {
    const wrong = items as unknown as { where(...args: unknown[]): unknown }
    expect(() => wrong.where('naem', '=', 'ed')).toThrow(ArgumentError)
    expect(() => wrong.where('naem', '=', 'ed')).toThrow(
      /where\(\): Item has no property 'naem'. Did you mean 'name'\?/,
    )
    expect(() => wrong.where('stockItems.naem', '=', 'ed')).toThrow(/no property 'naem'/)
    expect(() => items.where((eb) => eb('naem' as 'name', '=', 'ed'))).toThrow(/Did you mean 'name'\?/)
    expect(() => items.where((eb) => eb('stockItems.naem' as 'name', '=', 'ed'))).toThrow(/Did you mean 'name'\?/)
    expect(() => wrong.where('short_name', '=', 'ed')).toThrow(/Did you mean 'shortName'\?/)
    expect(() => wrong.where('constructor', '=', 'ed')).toThrow(ArgumentError)
  })

  it.each([
    [['id', '=', 'x'], /Item\.id = 'x': expected an integer/],
    [['id', '=', [1]], /expected an integer/],
    [['id', 'in', 1], /expected an array/],
    [['id', 'in', [1, 'x']], /expected an integer/],
    [['id', '=', undefined], /Item\.id = undefined: expected a value/],
    [['id', '<', null], /no row would ever match/],
    [['id', 'not in', [1, null]], /would let no row through/],
    [['isActive', '=', 1], /expected true or false/],
    [['isActive', 'is', 1], /expected null, true or false/],
    [['id', 'is', true], /expected an integer/],
    [['size', '>', 1], /expected a bigint/],
    [['createdAt', '<', '2026-01-01'], /Date/],
    [['createdAt', '<', new Date(Number.NaN)], /Date/],
    [['token', '=', 'abc'], /UUID/],
    [['kind', '=', 'bok'], /did you mean 'book'/],
    [['price', '=', 12.5], /decimal as a string/],
    [['content', '=', 'abc'], /Uint8Array|bytes/],
    [['shortName', '=', 5], /expected a string/],
    [['id', 'like', 5], /expected a pattern/],
    [['settings', '=', { theme: new Date() }], /JSON/],
  ])('refuses a value that does not fit: %j', (args, message) => {
    const wrong = items as unknown as { where(...args: unknown[]): unknown }
    expect(() => wrong.where(...(args as unknown[]))).toThrow(ArgumentError)
    expect(() => wrong.where(...(args as unknown[]))).toThrow(message)
    const [left, operator, value] = args as [never, never, never]
    // Kysely writes what follows `is` into the text: there is no value to check.
    if (operator === 'is') return
    expect(() => items.where((eb) => eb.not(eb.and([eb(left, operator, value)])))).toThrow(ArgumentError)
  })

  it('compares a short column with a longer text: it fits none', () => {
    expect(items.where('shortName', '=', 'longer than ten').toSql().parameters).toEqual(['longer than ten'])
    expect(() => items.where('shortName', '=', '\ud800')).toThrow(/surrogate/)
  })

  it.each([
    [[], /0 arguments/],
    [['id', '='], /2 arguments/],
    [['id'], /takes an expression or a function/],
    [[{ id: 1 }], /takes an expression or a function/],
    [[5, '=', 1], /a property or an expression is needed/],
    [['id', '=>', 1], /'=>' is no comparison operator/],
    [['id', 'constructor', 1], /no comparison operator/],
    [['id', undefined, 1], /no comparison operator/],
  ])('refuses arguments that are no condition: %j', (args, message) => {
    const wrong = items as unknown as { where(...args: unknown[]): unknown }
    expect(() => wrong.where(...args)).toThrow(ArgumentError)
    expect(() => wrong.where(...args)).toThrow(message)
  })

  it('takes expressions, in which properties become columns and values are encoded', () => {
    const query = onSqlite.where((eb) =>
      eb.or([
        eb('createdAt', '<', day),
        eb.and([eb('isActive', '=', true), eb.not(eb('token', 'in', [uuid]))]),
        eb.between('createdAt', day, day),
        eb(eb.val(day), '>', eb.ref('stockItems.createdAt')),
        eb(eb.refTuple('isActive', 'id'), 'in', [eb.tuple(true, 1), eb.tuple(false, 2)]),
        eb('createdAt', 'in', [day, eb.ref('createdAt')]),
      ]),
    )
    expect(tail(query)).toBe(
      'where ("stock_items"."created_at" < ? or ("stock_items"."is_active" = ? and not "stock_items"."secret_token" in (?)) ' +
        'or "stock_items"."created_at" between ? and ? or ? > "stock_items"."created_at" ' +
        'or ("stock_items"."is_active", "stock_items"."id") in ((?, ?), (?, ?)) ' +
        'or "stock_items"."created_at" in (?, "stock_items"."created_at"))',
    )
    expect(query.toSql().parameters).toEqual([day, true, uuid.toLowerCase(), day, day, day, true, 1, false, 2, day])
  })

  it('takes raw SQL, and keeps an `or` inside it to itself', () => {
    const query = onSqlite.where(sql<boolean>`id = ${1} or id = ${2}`).where('name', '=', 'a')
    expect(tail(query)).toBe('where (id = ? or id = ?) and "stock_items"."name" = ?')
    expect(query.toSql().parameters).toEqual([1, 2, 'a'])
    expect(tail(onSqlite.where(sql<boolean>`${sql.ref('createdAt')} < 1`))).toBe(
      'where ("stock_items"."created_at" < 1)',
    )
  })

  it('gives names of other tables the naming of the engine, and keeps the names that the query made itself', () => {
    const query = items.where('ownerId', 'in', (eb) =>
      eb
        .selectFrom('bigOwners as o')
        .innerJoin(
          (inner) => inner.selectFrom('ownerNotes').select('ownerNotes.noteOwner').as('theNotes'),
          (join) => join.onRef('theNotes.noteOwner', '=', 'o.id'),
        )
        .whereRef('o.mainItem', '=', 'stockItems.id')
        .where('o.fullName', '=', 'x')
        .select('o.ownerKey'),
    )
    expect(tail(query)).toBe(
      'where "stock_items"."owner_id" in (select "o"."owner_key" as "ownerKey" from "big_owners" as "o" inner join ' +
        '(select "owner_notes"."note_owner" as "noteOwner" from "owner_notes") as "theNotes" on "theNotes"."noteOwner" = "o"."id" ' +
        'where "o"."main_item" = "stock_items"."id" and "o"."full_name" = $1)',
    )
  })

  it('resolves a name that stands alone by the nearest table', () => {
    const inner = items.where((eb) =>
      eb.exists(
        eb
          .selectFrom('stockItems as other')
          .select((one) => one.fn.countAll().as('howMany'))
          .where('shortName' as never, '=', 'a' as never)
          .orderBy('howMany'),
      ),
    )
    expect(tail(inner)).toBe(
      'where exists (select count(*) as "howMany" from "stock_items" as "other" where "other"."short_name" = $1 order by "howMany")',
    )
    const unknown = items.where((eb) =>
      eb.exists(eb.selectFrom('owners').select('fullName').where('itemId', '=', eb.ref('stockItems.id'))),
    )
    expect(tail(unknown)).toBe(
      'where exists (select "full_name" as "fullName" from "owners" where "item_id" = "stock_items"."id")',
    )
  })

  it('translates names once, also where two columns have each other’s names', () => {
    const swapped = textQuery('sqlite', Swapped)
    const query = swapped
      .where('a', '=', 1)
      .where((eb) => eb('a', '=', 2))
      .orderBy('b')
      .modify((qb) => qb.where('a', '=', 3))
      .modify((qb) => qb.where('swapped.b', '=', 4))
    expect(query.toSql()).toEqual({
      sql:
        'select "swapped"."id", "swapped"."b" as "a", "swapped"."a" as "b" from "swapped" where "swapped"."b" = ? and "swapped"."b" = ? ' +
        'and "swapped"."b" = ? and "swapped"."a" = ? order by "swapped"."a"',
      parameters: [1, 2, 3, 4],
    })
  })

  it('lets errors of a callback through as they are, and runs it once', () => {
    const failure = new TypeError('mine')
    expect(() =>
      items.where(() => {
        throw failure
      }),
    ).toThrow(failure)
    let calls = 0
    const query = items.where((eb) => {
      calls += 1
      return eb('id', '=', calls)
    })
    query.toSql()
    query.limit(1).toSql()
    expect(calls).toBe(1)
  })
})

describe('whereRef()', () => {
  it('compares two columns', () => {
    expect(tail(items.whereRef('shortName', '!=', 'stockItems.name'))).toBe(
      'where "stock_items"."short_name" != "stock_items"."name"',
    )
    expect(tail(items.whereRef((eb) => eb.fn('lower', ['shortName']), '=', 'name'))).toBe(
      'where lower("stock_items"."short_name") = "stock_items"."name"',
    )
  })

  it('refuses unknown properties and operators', () => {
    expect(() => items.whereRef('naem' as 'name', '=', 'name')).toThrow(/Did you mean 'name'\?/)
    expect(() => items.whereRef('name', '=>' as '=', 'name')).toThrow(/no comparison operator/)
    expect(() => items.whereRef('name', '=', 5 as unknown as 'name')).toThrow(/5 is none/)
  })
})

describe('filterBy()', () => {
  it('asks for equality, and for null where null is given', () => {
    const query = items.filterBy({ name: 'ed', shortName: null, isActive: false })
    expect(tail(query)).toBe(
      'where "stock_items"."name" = $1 and "stock_items"."short_name" is null and "stock_items"."is_active" = $2',
    )
    expect(query.toSql().parameters).toEqual(['ed', false])
    expect(tail(items.filterBy({}))).toBe('')
  })

  it('refuses unknown properties, undefined, and what is no object', () => {
    const wrong = items as unknown as { filterBy(values: unknown): unknown }
    expect(() => wrong.filterBy({ naem: 1 })).toThrow(
      /filterBy\(\): Item has no property 'naem'. Did you mean 'name'\?/,
    )
    expect(() => wrong.filterBy({ name: undefined })).toThrow(ArgumentError)
    expect(() => wrong.filterBy({ 'stockItems.name': 'a' })).toThrow(ArgumentError)
    expect(() => wrong.filterBy({ name: 5 })).toThrow(ArgumentError)
    for (const value of [null, undefined, 'name', [['name', 'a']]])
      expect(() => wrong.filterBy(value)).toThrow(ArgumentError)
  })
})

describe('orderBy()', () => {
  it('adds keys one after another', () => {
    expect(tail(items.orderBy('createdAt').orderBy('stockItems.id', 'desc').orderBy('name', 'asc'))).toBe(
      'order by "stock_items"."created_at", "stock_items"."id" desc, "stock_items"."name"',
    )
  })

  it('places nulls, by a key of their own where the database cannot', () => {
    expect(tail(items.orderBy('shortName', { direction: 'desc', nulls: 'last' }))).toBe(
      'order by "stock_items"."short_name" desc nulls last',
    )
    expect(tail(items.orderBy('shortName', (ob) => ob.asc().nullsFirst()))).toBe(
      'order by "stock_items"."short_name" asc nulls first',
    )
    expect(tail(onMysql.orderBy('shortName', { direction: 'desc', nulls: 'last' }))).toBe(
      'order by `stock_items`.`short_name` is null, `stock_items`.`short_name` desc',
    )
    expect(tail(onMysql.orderBy('shortName', (ob) => ob.asc().nullsFirst()))).toBe(
      'order by `stock_items`.`short_name` is null desc, `stock_items`.`short_name` asc',
    )
  })

  it('takes expressions', () => {
    expect(tail(items.orderBy((eb) => eb.fn('lower', ['shortName']), 'desc'))).toBe(
      'order by lower("stock_items"."short_name") desc',
    )
    expect(tail(items.orderBy(sql`random()`))).toBe('order by random()')
    expect(tail(items.orderBy(sql`x`, { nulls: 'last' }))).toBe('order by x nulls last')
  })

  it('refuses unknown properties, directions and options', () => {
    const wrong = items as unknown as { orderBy(...args: unknown[]): unknown }
    expect(() => wrong.orderBy('naem')).toThrow(/orderBy\(\): Item has no property 'naem'. Did you mean 'name'\?/)
    expect(() => wrong.orderBy('id desc')).toThrow(ArgumentError)
    expect(() => wrong.orderBy('id', 'down')).toThrow(/must be 'asc' or 'desc', not 'down'/)
    expect(() => wrong.orderBy('id', { nulls: 'never' })).toThrow(ArgumentError)
    expect(() => wrong.orderBy('id', { null: 'last' })).toThrow(/Did you mean 'nulls'/)
    expect(() => wrong.orderBy(5)).toThrow(ArgumentError)
    expect(() => wrong.orderBy(undefined)).toThrow(ArgumentError)
    expect(() => wrong.orderBy(['id'])).toThrow(ArgumentError)
  })
})

describe('limit(), offset() and distinct()', () => {
  it('are written as parameters', () => {
    expect(tail(items.limit(2).offset(1))).toBe('limit $1 offset $2')
    expect(items.limit(2).offset(1).toSql().parameters).toEqual([2, 1])
    expect(items.limit(2).limit(3).toSql().parameters).toEqual([3])
    expect(tail(items.distinct().distinct())).toBe('distinct ')
  })

  it('have a limit before a lone offset, which some databases ask for', () => {
    expect(tail(onSqlite.offset(5))).toBe('limit 9223372036854775807 offset ?')
    expect(tail(onMysql.offset(5))).toBe('limit 9223372036854775807 offset ?')
  })

  it.each([-1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null, undefined, 1n])('refuse %s', (value) => {
    expect(() => items.limit(value as number)).toThrow(ArgumentError)
    expect(() => items.offset(value as number)).toThrow(/offset\(\) takes a whole number, 0 or more/)
  })
})

describe('modify()', () => {
  it('hands over Kysely’s builder with all that was said so far, and what follows is added', () => {
    const query = items
      .where('isActive', '=', true)
      .orderBy('id')
      .modify((qb) =>
        qb
          .innerJoin('bigOwners as o', 'o.id', 'stockItems.ownerId')
          .where('o.fullName', '=', 'x')
          .groupBy('stockItems.id'),
      )
      .where('createdAt', '<', day)
      .where((eb) => eb('shortName', '=', 'y'))
      .orderBy('name', 'desc')
      .limit(3)
    expect(tail(query)).toBe(
      'inner join "big_owners" as "o" on "o"."id" = "stock_items"."owner_id" where "stock_items"."is_active" = $1 and "o"."full_name" = $2 ' +
        'and "stock_items"."created_at" < $3 and "stock_items"."short_name" = $4 group by "stock_items"."id" ' +
        'order by "stock_items"."id", "stock_items"."name" desc limit $5',
    )
    expect(query.toSql().parameters).toEqual([true, 'x', day, 'y', 3])
  })

  it('knows the entity’s own table under an alias', () => {
    const query = onSqlite.modify((qb) =>
      qb.innerJoin('stockItems as twin', 'twin.shortName', 'stockItems.shortName').where('twin.token', '=', uuid),
    )
    expect(tail(query)).toBe(
      'inner join "stock_items" as "twin" on "twin"."short_name" = "stock_items"."short_name" where "twin"."secret_token" = ?',
    )
    expect(query.toSql().parameters).toEqual([uuid.toLowerCase()])
  })

  it('refuses a callback that gives no builder, or one that selects something else', () => {
    const wrong = items as unknown as { modify(change: unknown): unknown }
    expect(() => wrong.modify(5)).toThrow(/takes a function/)
    expect(() => wrong.modify(() => undefined)).toThrow(/must return the select builder, not undefined/)
    expect(() => wrong.modify(async (qb: unknown) => qb)).toThrow(/must return the select builder/)
    expect(() => wrong.modify(() => sql`select 1`)).toThrow(ArgumentError)
    expect(() => items.modify((qb) => qb.select('stockItems.id as twice'))).toThrow(
      /selects its columns and nothing else/,
    )
    expect(() => items.modify((qb) => qb.clearSelect())).toThrow(ArgumentError)
    expect(() => items.modify((qb) => qb.where('id', '=', 'x' as unknown as number))).toThrow(
      /modify\(\): Item\.id = 'x'/,
    )
  })
})

describe('settings', () => {
  it('refuse what they cannot mean', () => {
    expect(() => items.autoflush('no' as unknown as boolean)).toThrow(ArgumentError)
    expect(() => items.executionOptions(null as unknown as Record<string, unknown>)).toThrow(ArgumentError)
    expect(() => items.stream({ batch: 0 })).toThrow(ArgumentError)
    expect(() => items.stream({ bach: 5 } as object)).toThrow(/Did you mean 'batch'/)
  })

  it('refuse more values than the database takes in one statement', () => {
    const many = Array.from({ length: 32_767 }, (_, index) => index)
    expect(onSqlite.where('id', 'in', many).toSql().parameters).toHaveLength(1)
    expect(() => onSqlite.where('size', 'in', many.map(BigInt)).toSql()).toThrow(
      /has 32767 values, and this database takes 32766/,
    )
    expect(items.where('id', 'in', many).toSql().parameters).toHaveLength(1)
  })
})

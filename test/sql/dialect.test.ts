import { inspect } from 'node:util'
import {
  CamelCasePlugin,
  CompiledQuery,
  DummyDriver,
  Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely'
import { describe, expect, it } from 'vitest'
import {
  ArgumentError,
  CheckViolationError,
  type DatabaseError,
  DataError,
  ForeignKeyViolationError,
  NotNullViolationError,
  ProgrammingError,
  UniqueViolationError,
} from '../../src/errors.ts'
import { bytes, decimal, defineEntity, integer, text, timestamp, uuid } from '../../src/mapping/index.ts'
import { compileQuery, createDialect, databaseError, isDisconnect } from '../../src/sql/index.ts'
import { onEvery } from '../support/index.ts'
import { NAMING, openPlace } from './database.ts'

const Parent = defineEntity('error_parents', { id: integer().primaryKey() })
const Thing = defineEntity(
  'error_things',
  {
    id: integer().primaryKey(),
    email: text().unique(),
    parentId: integer().nullable().references('error_parents.id'),
    price: decimal(6, 2).nullable(),
    at: timestamp().nullable(),
    mark: uuid().nullable(),
    data: bytes().nullable(),
  },
  { checks: [sql`price > 0`] },
)

onEvery({}, (db) => {
  const place = openPlace(db, [Parent, Thing])

  const failure = async (work: () => Promise<unknown>): Promise<DatabaseError> => {
    try {
      await work()
    } catch (error) {
      const statement = { sql: place.sent.at(-1) ?? '', parameters: ['secret@x.org', 'secret'] }
      return databaseError(place.dialect, error, statement, 'Inserting a row into error_things') as DatabaseError
    }
    throw new Error('nothing failed')
  }
  const insert = (properties: readonly string[], row: readonly unknown[]) => () =>
    place.insert(Thing, properties, [], [row])

  it('a unique violation is told as one, without the value that was refused', async () => {
    await place.insert(Thing, ['email'], [], [['secret@x.org']])
    const error = await failure(insert(['email'], ['secret@x.org']))
    expect(error).toBeInstanceOf(UniqueViolationError)
    expect(error.message).toMatch(/^Inserting a row into error_things failed: /)
    expect(error.message).not.toContain('secret')
    expect(error.sql).toContain('insert into')
    expect(error.parameters).toEqual(['secret@x.org', 'secret'])
    expect(error.cause).toBeInstanceOf(Error)
    expect(JSON.stringify(error)).not.toContain('secret')
    expect(inspect(new UniqueViolationError('x', { parameters: ['secret'] }))).not.toContain('secret')
  })

  it('other violations are told as what they are', async () => {
    expect(await failure(insert(['email', 'parentId'], ['a', 77]))).toBeInstanceOf(ForeignKeyViolationError)
  })

  it('a missing value is a violation of NOT NULL', async () => {
    expect(await failure(insert(['email'], [null]))).toBeInstanceOf(NotNullViolationError)
  })

  it('a refused check is told as one', async () => {
    expect(await failure(insert(['email', 'price'], ['a', '-1.00']))).toBeInstanceOf(CheckViolationError)
  })

  it('a statement that is wrong is the program’s mistake', async () => {
    const error = await failure(() => place.run({ sql: 'select nothing from nowhere_at_all', parameters: [] }))
    expect(error).toBeInstanceOf(ProgrammingError)
    expect(error.databaseCode).toEqual(expect.any(String))
  })

  it('an error of heddle passes through as it is', async () => {
    const own = new ArgumentError('mine')
    expect(databaseError(place.dialect, own, undefined, 'Trying')).toBe(own)
    expect(isDisconnect(place.dialect, own)).toBe(false)
    expect(isDisconnect(place.dialect, new Error('x'))).toBe(false)
  })

  it('whatever a driver throws becomes an error with a message', () => {
    for (const thrown of ['text', null, undefined, 5, new AggregateError([new Error('refused')])]) {
      const error = databaseError(place.dialect, thrown, undefined, 'Connecting')
      expect(error.message).toMatch(/^Connecting failed: ./)
      expect(error.cause).toBe(thrown)
    }
  })
})

onEvery({ on: ['postgres', 'mysql'] }, (db) => {
  const place = openPlace(db, [Parent, Thing])

  it('a value that does not fit is not repeated by the message', async () => {
    const bad = place.dialect.name === 'postgres' ? sql`cast(${'secret'} as integer)` : sql`${'secret'}`
    const error = await place.insert(Thing, ['email', 'parentId'], [], [['a', bad]]).then(
      () => new Error('nothing failed'),
      (thrown: unknown) => databaseError(place.dialect, thrown, undefined, 'Inserting'),
    )
    expect(error).toBeInstanceOf(DataError)
    expect(error.message).not.toContain('secret')
  })
})

describe('compiling what users hand over', () => {
  const sqlite = createDialect('sqlite', NAMING)
  const postgres = createDialect('postgres', NAMING)
  const db = new Kysely<{ user_table: { userId: number } }>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new DummyDriver(),
      createIntrospector: (kysely) => new PostgresIntrospector(kysely),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
    plugins: [new CamelCasePlugin()],
  })

  it('takes templates without a Kysely instance, with each dialect’s placeholders', () => {
    expect(compileQuery(sqlite, sql`select ${1} as one`)).toEqual({ sql: 'select ? as one', parameters: [1] })
    expect(compileQuery(postgres, sql`select ${1} as ${sql.id('x"y')}`)).toEqual({
      sql: 'select $1 as "x""y"',
      parameters: [1],
    })
    expect(compileQuery(postgres, sql.raw('select 1'))).toEqual({ sql: 'select 1', parameters: [] })
  })

  it('takes builders, with their plugins, in its own dialect, and compiled queries as they are', () => {
    const query = db.selectFrom('user_table').select('userId').where('userId', '=', 5)
    expect(compileQuery(sqlite, query)).toEqual({
      sql: 'select "user_id" from "user_table" where "user_id" = ?',
      parameters: [5],
    })
    expect(compileQuery(sqlite, query.compile()).sql).toContain('$1')
    expect(compileQuery(sqlite, CompiledQuery.raw('select ?', [1]))).toEqual({ sql: 'select ?', parameters: [1] })
    expect(compileQuery(sqlite, db.schema.dropTable('user_table'))).toEqual({
      sql: 'drop table "user_table"',
      parameters: [],
    })
  })

  it('refuses plain strings, parts of statements, anything else, and undefined', () => {
    expect(() => compileQuery(sqlite, 'select 1')).toThrow(/sql\.raw/)
    for (const wrong of [undefined, null, 5, {}, [], db.dynamic.ref('x'), sql`1`.as('one'), db.fn.countAll()]) {
      expect(() => compileQuery(sqlite, wrong)).toThrow(ArgumentError)
    }
    expect(() => compileQuery(sqlite, sql`select ${1}, ${undefined}`)).toThrow(/value 2 of the statement is undefined/)
  })
})

describe('a dialect', () => {
  it('is refined for a server once, and shared by all of its connections', () => {
    const base = createDialect('mysql', NAMING)
    const server = { product: 'mariadb', version: '10.11.19' }
    expect(base.forServer(server)).toBe(base.forServer({ ...server }))
    expect(base.forServer(server).forServer(server)).toBe(base.forServer(server))
    expect(base.forServer({ ...server, autoIncrementIncrement: 3 })).not.toBe(base.forServer(server))
  })

  it('knows what each version can do', () => {
    const base = createDialect('mysql', NAMING)
    const of = (product: string, version: string) => base.forServer({ product, version }).capabilities
    expect(of('mariadb', '10.11.19-MariaDB')).toMatchObject({
      insertReturning: true,
      deleteReturning: true,
      skipLocked: true,
      lockOf: false,
    })
    expect(of('mariadb', '10.4.1')).toMatchObject({
      insertReturning: false,
      deleteReturning: true,
      noWait: true,
      skipLocked: false,
    })
    expect(of('mysql', '8.0.40')).toMatchObject({
      insertReturning: false,
      skipLocked: true,
      lockOf: true,
      shareLock: 'for share',
    })
    expect(of('mysql', '5.7.44')).toMatchObject({ skipLocked: false, noWait: false, shareLock: 'lock in share mode' })
    expect(base.capabilities).toMatchObject({ insertReturning: false, skipLocked: false })
  })

  it('names columns by hand or by the engine’s naming', () => {
    const dialect = createDialect('sqlite', { ...NAMING, table: (name) => `app_${name}` })
    expect(dialect.tableName(Thing)).toBe('app_error_things')
    expect(dialect.columnName(Thing.columnOf.get('parentId')!)).toBe('parent_id')
  })

  it('has no codec where nothing is to be done', () => {
    expect(createDialect('postgres', NAMING).codec(Thing.columnOf.get('email')!.type)).toEqual({})
  })

  it('of another name is refused', () => {
    for (const wrong of ['oracle', 'toString', undefined]) {
      expect(() => createDialect(wrong as 'sqlite', NAMING)).toThrow(ArgumentError)
    }
  })
})

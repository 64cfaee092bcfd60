import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EngineUrl, parseUrl } from '../../src/engine/url.ts'
import { ArgumentError, UrlError } from '../../src/errors.ts'

const read = (text: string) => {
  const { scheme, dialect, driver, user, password, host, port, database, query } = parseUrl(text)
  return { scheme, dialect, driver, user, password, host, port, database, query: { ...query } }
}
const nothing = {
  user: undefined,
  password: undefined,
  host: undefined,
  port: undefined,
  database: undefined,
  query: {},
}

function refusal(text: unknown): UrlError {
  try {
    parseUrl(text as string)
  } catch (error) {
    expect(error).toBeInstanceOf(UrlError)
    expect(error).toBeInstanceOf(ArgumentError)
    return error as UrlError
  }
  throw new Error(`${String(text)} was accepted`)
}

describe('a database URL', () => {
  it.each([
    ['sqlite:///relative.db', { dialect: 'sqlite', driver: 'node-sqlite', database: 'relative.db' }],
    ['sqlite:////abs/x.db', { dialect: 'sqlite', driver: 'node-sqlite', database: '/abs/x.db' }],
    ['sqlite:///C:\\data\\x.db', { dialect: 'sqlite', driver: 'node-sqlite', database: 'C:\\data\\x.db' }],
    ['sqlite:///a@b:c.db', { dialect: 'sqlite', driver: 'node-sqlite', database: 'a@b:c.db' }],
    ['sqlite://', { dialect: 'sqlite', driver: 'node-sqlite' }],
    ['sqlite:///:memory:', { dialect: 'sqlite', driver: 'node-sqlite' }],
    ['sqlite+node:///x.db', { dialect: 'sqlite', driver: 'node-sqlite', database: 'x.db' }],
    ['sqlite+better-sqlite3:///x.db', { dialect: 'sqlite', driver: 'better-sqlite3', database: 'x.db' }],
    ['pglite://', { dialect: 'postgres', driver: 'pglite' }],
    ['pglite:///dir', { dialect: 'postgres', driver: 'pglite', database: 'dir' }],
    ['postgresql+pglite:///dir', { dialect: 'postgres', driver: 'pglite', database: 'dir' }],
    ['postgresql+pglite://', { dialect: 'postgres', driver: 'pglite' }],
    [
      'postgresql://u:p@host:5432/db',
      { dialect: 'postgres', driver: 'pg', user: 'u', password: 'p', host: 'host', port: 5432, database: 'db' },
    ],
    ['postgres://u@host/db', { dialect: 'postgres', driver: 'pg', user: 'u', host: 'host', database: 'db' }],
    ['postgresql+pg://host/db', { dialect: 'postgres', driver: 'pg', host: 'host', database: 'db' }],
    ['postgresql:///db', { dialect: 'postgres', driver: 'pg', database: 'db' }],
    ['mysql://u:@h/db', { dialect: 'mysql', driver: 'mysql2', user: 'u', password: '', host: 'h', database: 'db' }],
    ['mysql+mysql2://h/db', { dialect: 'mysql', driver: 'mysql2', host: 'h', database: 'db' }],
    ['mariadb://h/db', { dialect: 'mysql', driver: 'mysql2', host: 'h', database: 'db' }],
    ['mariadb+mysql2://h/db', { dialect: 'mysql', driver: 'mysql2', host: 'h', database: 'db' }],
  ])('is understood: %s', (text, parts) => {
    expect(read(text)).toEqual({ ...nothing, scheme: text.slice(0, text.indexOf(':')), ...parts })
  })

  it('is percent-decoded in every part', () => {
    expect(read('postgresql://a%40b:p%2Fw%3A%25@h%2Dx/d%20b?app%20name=a%26b&x=%C3%A4')).toMatchObject({
      user: 'a@b',
      password: 'p/w:%',
      host: 'h-x',
      database: 'd b',
      query: { 'app name': 'a&b', x: 'ä' },
    })
    expect(parseUrl('sqlite:///my%20file%3F.db').database).toBe('my file?.db')
  })

  it('may hold a slash or an @ in its password as it is', () => {
    expect(read('postgresql://u:a/b@h/db')).toMatchObject({ password: 'a/b', host: 'h', database: 'db' })
    expect(read('postgresql://u:a@b@h:1/db')).toMatchObject({ password: 'a@b', host: 'h', port: 1, database: 'db' })
  })

  it('takes IPv6 hosts in brackets and gives them without', () => {
    expect(read('postgresql://u:p@[2001:db8::1]:5433/db')).toMatchObject({ host: '2001:db8::1', port: 5433 })
    expect(parseUrl('mysql://[::1]/db').render()).toBe('mysql://[::1]/db')
  })

  it('takes the path of a Unix socket as a query parameter or as an encoded host', () => {
    expect(read('postgresql://u@/db?host=/var/run/postgresql')).toMatchObject({
      host: '/var/run/postgresql',
      query: {},
    })
    expect(read('mysql://u@/db?socket=%2Frun%2Fmysqld.sock&a=b')).toMatchObject({
      host: '/run/mysqld.sock',
      query: { a: 'b' },
    })
    expect(read('mysql://u@/db?unix_socket=/run/mysqld.sock').host).toBe('/run/mysqld.sock')
    expect(read('postgresql://u@%2Fvar%2Frun/db').host).toBe('/var/run')
    expect(refusal('postgresql://u@h/db?host=/var/run').message).toContain('names a host twice')
  })

  it('masks its password however it is printed, and shows it on demand', () => {
    const url = parseUrl('postgresql://u:s3cret@h/db?sslpassword=s3cret&a=b')
    for (const text of [String(url), JSON.stringify({ url }), inspect(url), inspect({ deep: [url] }), url.render()]) {
      expect(text).toContain('u:***@h/db')
      expect(text).not.toContain('s3cret')
    }
    expect(Object.keys(url)).not.toContain('password')
    expect(url.render({ hidePassword: false })).toBe('postgresql://u:s3cret@h/db?sslpassword=s3cret&a=b')
    expect(url.password).toBe('s3cret')
  })

  it('can be made from parts, and changed part by part', () => {
    const url = EngineUrl.create({ scheme: 'postgresql', user: 'a@b', password: 'p/:?', host: 'h', database: 'x y' })
    expect(url.render({ hidePassword: false })).toBe('postgresql://a%40b:p%2F%3A%3F@h/x%20y')
    const other = url.with({ database: 'z', port: 1, password: undefined })
    expect(other.render({ hidePassword: false })).toBe('postgresql://a%40b@h:1/z')
    expect(url.database).toBe('x y')
    expect(Object.isFrozen(other) && Object.isFrozen(other.query)).toBe(true)
    expect(() => url.with({ port: 0 })).toThrow(UrlError)
    expect(() => EngineUrl.create({ scheme: 'sqlite', host: 'h', database: 'x' })).toThrow(/names a host/)
  })

  it('reads back what it renders, whatever its parts hold', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 8 })
    const parts = fc.record({
      scheme: fc.constantFrom('postgresql', 'mysql+mysql2', 'mariadb'),
      user: part,
      password: fc.string({ unit: 'grapheme', maxLength: 8 }),
      host: fc.constantFrom('h', '::1', '/run/x y', '10.0.0.1'),
      port: fc.integer({ min: 1, max: 65_535 }),
      database: part.filter((text) => !text.includes(':memory:')),
      query: fc.dictionary(
        part.filter((key) => key !== '__proto__'),
        part,
        { maxKeys: 3 },
      ),
    })
    fc.assert(
      fc.property(parts, (given) => {
        const url = EngineUrl.create(given)
        const back = parseUrl(url.render({ hidePassword: false }))
        expect({ ...back, password: back.password }).toEqual({ ...url, password: url.password })
      }),
      { numRuns: 300 },
    )
  })
})

describe('a bad database URL', () => {
  it.each([
    ['', 'is empty'],
    [' sqlite://', 'spaces around it'],
    ['app.db', 'has no scheme'],
    ['sqlite:app.db', 'has no scheme'],
    ['sqlite://app.db', "three slashes ('sqlite:///relative')"],
    ['sqlite:///', "is written 'sqlite://'"],
    ['sqlite://u:p@/x', 'names a user'],
    ['pglite://u@h/x', 'names a user'],
    ['postgresql://h', "names no database; it follows the host: 'postgresql://host/database'"],
    ['mysql://u:p@h/', 'names no database'],
    ['postgresql://h:0/db', 'port'],
    ['postgresql://h:99999/db', 'port'],
    ['postgresql://h:x/db', 'port'],
    ['postgresql://[::1/db', 'IPv6'],
    ['postgresql://::1/db', 'IPv6'],
    ['postgresql://u:p%zz@h/db', 'percent-encoding in the password'],
    ['postgresql://:p@h/db', 'has a password but no user'],
    ['postgresql://h/db?a', 'name=value'],
    ['postgresql://h/db?a=1&a=2', "'a' twice"],
    ['postgresql://h:1/db@x', 'is %40'],
    ['postgre://h/db', "unknown scheme 'postgre'; did you mean 'postgres'?"],
    ['sqllite:///x', "unknown scheme 'sqllite'; did you mean 'sqlite'?"],
    ['oracle://h/db', "unknown scheme 'oracle'"],
    ['constructor://h/db', "unknown scheme 'constructor'"],
    ['postgresql+psycopg2://h/db', "unknown driver 'psycopg2'; those of postgresql are pg, pglite"],
    ['sqlite+better-sqlite:///x', "did you mean 'better-sqlite3'?"],
    ['sqlite+toString:///x', "unknown driver 'toString'"],
  ])('is refused with what is wrong and the forms that exist: %j', (text, problem) => {
    const { message } = refusal(text)
    expect(message).toContain(problem)
    expect(message).toContain('postgresql://user:password@host:5432/database')
  })

  it('is refused when it is no string', () => {
    expect(refusal(undefined).message).toContain('undefined was given')
    expect(refusal(new URL('postgres://h/db')).message).toContain('is a string')
  })

  it.each([
    'postgre://u:s3cret@h/db',
    'u:s3cret@h/db',
    'postgresql:u:s3cret@h/db',
    'postgresql://u:s3cret/db',
    'postgresql://u:s3cret@h:x/db',
    'postgresql://u:s3cret%zz@h/db',
    'postgresql://u:a?s3cret@h/db',
    'postgresql://u:a@s3cret@h:0/db',
    'postgresql://u:12/s3cret@h/db',
    'postgresql://h/?password=s3cret',
    'postgresql://h:0/db?sslpassword=s3cret&x=1',
    ' postgresql://u:s3cret@h/db',
    'mysql://u:s3cret@h',
  ])('never shows its password: %s', (text) => {
    const error = refusal(text)
    expect(inspect(error)).not.toContain('s3cret')
    expect(error.message).toContain('***')
  })
})

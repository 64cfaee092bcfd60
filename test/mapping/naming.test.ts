import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ArgumentError } from '../../src/errors.ts'
import { camelToSnake, type NamingChoice, namingOf } from '../../src/mapping/index.ts'

describe('naming', () => {
  it.each([
    ['id', 'id'],
    ['userId', 'user_id'],
    ['userID', 'user_id'],
    ['HTTPCode', 'http_code'],
    ['lastHTTPCode', 'last_http_code'],
    ['address2Line', 'address2_line'],
    ['line2', 'line2'],
    ['i18nKey', 'i18n_key'],
    ['OAuth2Token', 'o_auth2_token'],
    ['UserGroup', 'user_group'],
    ['USER_ID', 'user_id'],
    ['_internalId', '_internal_id'],
    ['user_Id', 'user_id'],
    ['größeÜber', 'größe_über'],
    ['already_snake_2', 'already_snake_2'],
    ['__x__', '__x__'],
  ])('camelToSnake makes of %s %s', (name, expected) => {
    expect(camelToSnake(name)).toBe(expected)
  })

  it('camelToSnake leaves what it made as it is', () => {
    const name = fc.stringMatching(/^[A-Za-z_$][A-Za-z0-9_$]{0,20}$/)
    fc.assert(fc.property(name, (given) => camelToSnake(camelToSnake(given)) === camelToSnake(given)))
  })

  it('asWritten changes nothing', () => {
    const naming = namingOf('asWritten')
    expect([naming.table('userGroups'), naming.column('userId')]).toEqual(['userGroups', 'userId'])
  })

  it('camelToSnake names tables and columns', () => {
    const naming = namingOf('camelToSnake')
    expect([naming.table('userGroups'), naming.column('userId')]).toEqual(['user_groups', 'user_id'])
  })

  it('takes functions, and leaves as written what has none', () => {
    const naming = namingOf({ table: (name) => `app_${name}` })
    expect([naming.table('users'), naming.column('userId')]).toEqual(['app_users', 'userId'])
  })

  it.each<[unknown, string]>([
    ['camelToSnak', "there is no naming 'camelToSnak'; did you mean 'camelToSnake'?"],
    ['toString', "there is no naming 'toString'; there are 'camelToSnake', 'asWritten'."],
    [{ tables: String }, "there is no option 'tables'; did you mean 'table'?"],
    [{ table: 'x' }, "table must be a function that gives a name for a name, got 'x' (string)"],
    [undefined, 'the options must be an object, got undefined'],
  ])('%j is refused', (choice, reason) => {
    expect(() => namingOf(choice as NamingChoice)).toThrow(ArgumentError)
    expect(() => namingOf(choice as NamingChoice)).toThrow(reason)
  })

  it('a function that gives no name is found out when it is used', () => {
    const naming = namingOf({ column: () => undefined as unknown as string })
    expect(() => naming.column('userId')).toThrow(
      "naming: column('userId') gave undefined, but a column's name must be a string.",
    )
  })
})

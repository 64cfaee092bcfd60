import { ArgumentError } from '../errors.ts'
import { found } from './found.ts'
import { databaseNameProblem } from './names.ts'
import { checkOptionNames, suggestion } from './option-names.ts'

/** How names of properties and tables become names in the database. */
export interface Naming {
  readonly table: (name: string) => string
  readonly column: (property: string) => string
}

/** A naming by its name, or functions for tables, for columns, or both; what is left out stays as written. */
export type NamingChoice = 'camelToSnake' | 'asWritten' | Partial<Naming>

const asWritten = (name: string) => name

/** The namings that have a name. */
const NAMINGS: Readonly<Record<string, Naming>> = {
  camelToSnake: Object.freeze({ table: camelToSnake, column: camelToSnake }),
  asWritten: Object.freeze({ table: asWritten, column: asWritten }),
}

/**
 * Puts underscores where words begin and makes all letters small. Runs of capitals are one word, and digits belong to the
 * word before them; what is already in snake case stays as it is.
 *
 * @example
 * camelToSnake('userId') // 'user_id'
 * camelToSnake('HTTPCode') // 'http_code'
 * camelToSnake('address2Line') // 'address2_line'
 */
export function camelToSnake(name: string): string {
  return name
    .replace(/([\p{Ll}\p{N}])(\p{Lu})/gu, '$1_$2')
    .replace(/(\p{Lu})(\p{Lu}\p{Ll})/gu, '$1_$2')
    .toLowerCase()
}

/**
 * The naming that an engine's `naming` option asks for.
 *
 * @throws ArgumentError for an unknown name or option; the functions that are given throw it later, for a name that is no
 * name in a database
 * @example
 * namingOf('camelToSnake').column('userId') // 'user_id'
 * namingOf({ table: (name) => `app_${name}` }).table('users') // 'app_users'
 */
export function namingOf(choice: NamingChoice): Naming {
  if (typeof choice === 'string') return namingByName(choice)
  checkOptionNames('naming', choice, ['table', 'column'])
  const { table = asWritten, column = asWritten } = choice
  return Object.freeze({ table: checked('table', table), column: checked('column', column) })
}

function namingByName(name: string): Naming {
  const naming = Object.hasOwn(NAMINGS, name) ? NAMINGS[name] : undefined
  if (naming !== undefined) return naming
  throw new ArgumentError(`naming: there is no naming '${name}'; ${suggestion(name, Object.keys(NAMINGS))}`)
}

function checked(part: string, rename: (name: string) => string): (name: string) => string {
  if (typeof rename !== 'function') {
    throw new ArgumentError(`naming: ${part} must be a function that gives a name for a name, got ${found(rename)}.`)
  }
  return (name) => {
    const renamed = rename(name)
    const problem = databaseNameProblem(renamed)
    if (problem === undefined) return renamed
    throw new ArgumentError(`naming: ${part}('${name}') gave ${found(renamed)}, but a ${part}'s name ${problem}.`)
  }
}

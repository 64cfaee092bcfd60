import { MappingError } from '../errors.ts'
import { found, listed } from './found.ts'
import type { ForeignKeyTarget, ReferentialAction } from './model.ts'
import { checkOptionNames } from './option-names.ts'

/** What a foreign key asks the database to do when the row it points at goes away or changes its key. */
export interface ReferenceOptions {
  /** Default: the database's own, which refuses. */
  readonly onDelete?: ReferentialAction
  /** Default: the database's own, which refuses. */
  readonly onUpdate?: ReferentialAction
}

const ACTIONS: readonly string[] = ['cascade', 'set null', 'set default', 'restrict', 'no action']

/** Reads `'table.column'` or `'schema.table.column'` and its options. */
export function parseReference(target: string, options: ReferenceOptions = {}): ForeignKeyTarget {
  const parts = typeof target === 'string' ? target.split('.') : []
  if (parts.length < 2 || parts.length > 3 || parts.some((part) => part.trim() === '')) {
    throw new MappingError(
      `references(${found(target)}): write 'table.column' (or 'schema.table.column'), such as 'users.id'.`,
    )
  }
  checkOptionNames(`references('${target}')`, options, ['onDelete', 'onUpdate'])
  checkAction(target, 'onDelete', options.onDelete)
  checkAction(target, 'onUpdate', options.onUpdate)
  const [column = '', table = '', schema] = parts.reverse()
  return Object.freeze({ ...(schema === undefined ? {} : { schema }), table, column, ...options })
}

function checkAction(target: string, option: string, action: string | undefined): void {
  if (action === undefined || ACTIONS.includes(action)) return
  throw new MappingError(`references('${target}'): ${option} must be one of ${listed(ACTIONS)}, got ${found(action)}.`)
}

import { ProgrammingError } from '../errors.ts'

/**
 * What a statement may do, as its text tells:
 * `read` changes nothing; `write` changes rows; `schema` changes tables or the whole file; `setting` changes the connection or
 * the file (PRAGMA, ATTACH); `transaction` begins or ends one; `savepoint` sets, releases or returns to a savepoint.
 */
export type StatementKind = 'read' | 'write' | 'schema' | 'setting' | 'transaction' | 'savepoint'

/** What the driver has to know of a statement before it runs. */
export interface StatementText {
  readonly kind: StatementKind
  /** The first word in lower case. */
  readonly verb: string
  /** How many `?` wait for a value. */
  readonly placeholders: number
  /** Whether `lastInsertRowid` belongs to this statement: an INSERT that cannot turn into an UPDATE. */
  readonly insertsRows: boolean
}

// Strings, quoted names, comments, words, placeholders and semicolons. A doubled quote reads as two strings side by side.
const TOKEN =
  /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|[A-Za-z_\u0080-\uffff][\w$\u0080-\uffff]*|\?\d*|[:@$]\w+|\d[\w.]*|;/g

const KINDS: Readonly<Record<string, StatementKind>> = {
  select: 'read',
  values: 'read',
  explain: 'read',
  insert: 'write',
  replace: 'write',
  update: 'write',
  delete: 'write',
  attach: 'setting',
  detach: 'setting',
  begin: 'transaction',
  commit: 'transaction',
  end: 'transaction',
  savepoint: 'savepoint',
  release: 'savepoint',
}

const WRITING_WORDS = ['insert', 'update', 'delete', 'replace']

/**
 * Reads a statement's text without asking the database: once for each prepared statement.
 *
 * @throws ProgrammingError for text without a statement, with several, with a NUL character, or with placeholders other than `?`
 */
export function readStatementText(sql: string): StatementText {
  if (sql.includes('\0')) {
    throw refused(
      sql,
      'its text has a NUL character, behind which SQLite would not read on. Pass the value as a parameter',
    )
  }
  const { words, placeholders } = readTokens(sql)
  const verb = words[0]
  if (verb === undefined) throw refused(sql, 'its text contains no statement')
  const insertsRows = (verb === 'insert' || verb === 'replace') && !words.includes('conflict')
  return { kind: kindOf(sql, verb, words), verb, placeholders, insertsRows }
}

/** The words outside strings and comments in lower case, and the number of placeholders. */
function readTokens(sql: string): { words: string[]; placeholders: number } {
  const words: string[] = []
  const end = new StatementEnd()
  let placeholders = 0
  for (const [token] of sql.matchAll(TOKEN)) {
    if (token.startsWith('--') || token.startsWith('/*')) continue
    const word = /^[A-Za-z_]/.test(token) ? token.toLowerCase() : token
    if (end.isBehind(word)) throw refused(sql, 'its text has more than one statement. Run them one by one')
    if (/^[A-Za-z_]/.test(word)) words.push(word)
    if (token === '?') placeholders++
    else if (/^[?:@$]/.test(token)) throw refused(sql, `it has the placeholder ${token}; only ? is understood`)
  }
  return { words, placeholders }
}

/** Finds where a statement ends. The semicolons within CREATE TRIGGER are no end: that one ends with `; END ;`. */
class StatementEnd {
  #seen: string[] = []
  #last = ''
  #beforeLast = ''
  #isReached = false

  /** Takes the next token and tells whether it stands behind the end of the first statement. */
  isBehind(token: string): boolean {
    if (this.#isReached) return token !== ';'
    if (token === ';') this.#isReached = this.#seen.length > 0 && (!this.#isTrigger() || this.#endsTrigger())
    if (this.#seen.length < 3 && token !== ';') this.#seen.push(token)
    this.#beforeLast = this.#last
    this.#last = token
    return false
  }

  #isTrigger(): boolean {
    return this.#seen[0] === 'create' && this.#seen.includes('trigger')
  }

  #endsTrigger(): boolean {
    return this.#last === 'end' && this.#beforeLast === ';'
  }
}

function kindOf(sql: string, verb: string, words: readonly string[]): StatementKind {
  if (verb === 'with') return WRITING_WORDS.some((word) => words.includes(word)) ? 'write' : 'read'
  if (verb === 'rollback') return words.includes('to') ? 'savepoint' : 'transaction'
  if (verb === 'pragma') return isReadingPragma(sql) ? 'read' : 'setting'
  return KINDS[verb] ?? 'schema'
}

const PRAGMA = /\bpragma\s+(?:(\w+)\s*\.\s*)?(\w+)\s*(=|\()?/i
const ACTING_PRAGMAS = new Set(['wal_checkpoint', 'optimize', 'incremental_vacuum', 'shrink_memory'])
const ASKING_PRAGMAS = /^(?:table_|index_|foreign_key_|integrity_check$|quick_check$)/

/** A PRAGMA statement taken apart: `PRAGMA main.synchronous = 1`. Undefined for another statement. */
export function readPragma(sql: string): { schema: string | undefined; name: string; assigns: boolean } | undefined {
  const found = PRAGMA.exec(sql)
  if (found === null) return undefined
  return { schema: found[1], name: (found[2] as string).toLowerCase(), assigns: found[3] !== undefined }
}

function isReadingPragma(sql: string): boolean {
  const pragma = readPragma(sql)
  if (pragma === undefined || ACTING_PRAGMAS.has(pragma.name)) return false
  return !pragma.assigns || ASKING_PRAGMAS.test(pragma.name)
}

function refused(sql: string, found: string): ProgrammingError {
  return new ProgrammingError(`The statement was not sent to SQLite: ${found}.`, { sql })
}

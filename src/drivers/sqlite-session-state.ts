import type { SqliteDatabase, SqliteStatement } from './sqlite-library.ts'
import { readPragma, type StatementText } from './sqlite-text.ts'

/** Settings that live as long as the connection and can be asked for and set back. Others belong to the file, or are actions. */
const SETTINGS = new Set(
  `analysis_limit automatic_index busy_timeout cache_size cache_spill cell_size_check checkpoint_fullfsync defer_foreign_keys
  foreign_keys fullfsync ignore_check_constraints journal_size_limit legacy_alter_table locking_mode mmap_size query_only
  read_uncommitted recursive_triggers reverse_unordered_selects secure_delete soft_heap_limit synchronous temp_store threads
  trusted_schema wal_autocheckpoint writable_schema`.split(/\s+/),
)

/** What a holder of the connection may leave behind in it, beside a transaction: settings, temporary tables, attached files. */
export class SessionState {
  readonly #database: SqliteDatabase
  /** The value before the first change, by the setting as PRAGMA names it. */
  readonly #original = new Map<string, unknown>()
  /** Whether a statement has run that may have left something. */
  mayHaveChanged = false
  #hasAttached = false
  #temporaries: SqliteStatement | undefined

  constructor(database: SqliteDatabase) {
    this.#database = database
  }

  /** To be called before a statement of the kind 'setting' runs. */
  remember(sql: string, text: StatementText): void {
    if (text.verb === 'attach') this.#hasAttached = true
    if (text.verb !== 'pragma') return
    const pragma = readPragma(sql)
    if (pragma?.assigns !== true) return
    const name = pragma.schema === undefined ? pragma.name : `${pragma.schema}.${pragma.name}`
    if (pragma.name === 'case_sensitive_like') this.#original.set(name, 0)
    else if (SETTINGS.has(pragma.name) && !this.#original.has(name)) this.#original.set(name, this.#valueOf(name))
  }

  /**
   * Makes the connection as it was when it was opened. Outside transactions only.
   * @returns whether tables went, so that prepared statements may mean others now
   */
  restore(): boolean {
    for (const [name, value] of this.#original) this.#database.exec(`pragma ${name} = ${String(value)}`)
    this.#original.clear()
    const hasDropped = this.#dropTemporaries()
    const hasDetached = this.#hasAttached && this.#detachFiles()
    this.mayHaveChanged = false
    return hasDropped || hasDetached
  }

  #dropTemporaries(): boolean {
    this.#temporaries ??= this.#prepareTemporaries()
    const left = this.#temporaries.all([]) as [string, string][]
    for (const [type, name] of left) this.#database.exec(`drop ${type} if exists temp.${quoted(name)}`)
    return left.length > 0
  }

  /** Triggers come first: with their table gone they would be gone too. Indexes go with their tables, SQLite's own tables stay. */
  #prepareTemporaries(): SqliteStatement {
    const statement = this.#database.prepare(
      `select type, name from sqlite_temp_master where type in ('table', 'view', 'trigger') and name not like 'sqlite\\_%' escape '\\'
       order by type = 'trigger' desc`,
    )
    statement.setMode({ arrays: true, bigints: false, isOrdered: true })
    return statement
  }

  #detachFiles(): boolean {
    this.#hasAttached = false
    const list = this.#database.prepare('pragma database_list')
    list.setMode({ arrays: true, bigints: false, isOrdered: true })
    for (const [, name] of list.all([]) as [number, string][]) {
      if (name !== 'main' && name !== 'temp') this.#database.exec(`detach ${quoted(name)}`)
    }
    return true
  }

  #valueOf(name: string): unknown {
    const statement = this.#database.prepare(`pragma ${name}`)
    statement.setMode({ arrays: true, bigints: false, isOrdered: true })
    return (statement.all([]) as unknown[][])[0]?.[0]
  }
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

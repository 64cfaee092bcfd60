import type { Statement } from '../drivers/index.ts'
import { ArgumentError, InvalidRequestError } from '../errors.ts'
import { classOf, type EntityModel, type RelationLink } from '../mapping/index.ts'
import type { AnyEntityClass } from './options.ts'

/** What a listener of `doOrmExecute` can give in place of the database: rows as the statement gives them. */
export interface OrmAnswer {
  /** As the driver gives them: arrays in the order of the columns for loads of entities, objects by column name for `execute()`. */
  readonly rows: readonly unknown[]
  /** Rows returned, or matched by a write. */
  readonly rowCount: number
  readonly columns: readonly string[]
  readonly insertId?: number | bigint
}

/** What a statement of a session is for. */
export interface OrmExecutionSubject {
  /** The call, as errors name it. */
  readonly call: string
  readonly model?: EntityModel
  readonly link?: RelationLink | undefined
  readonly isColumnLoad?: boolean
  readonly isOrmStatement?: boolean
}

/** The statement as the listeners have left it so far. */
export interface OrmDraft {
  statement: Statement
}

/**
 * A statement that a session is about to run for the program: a query, `get`, `refresh`, `merge`, a relation that is loaded (lazily or with
 * its owners), a bulk UPDATE or DELETE, `execute`, and what `session.db` runs. Not the statements of a flush, which have events of their own.
 *
 * A listener may change `statement` (its columns must stay the same), add options, or give an {@link OrmAnswer}: the database is then not
 * asked. `invoke()` runs the listeners behind it and the statement, so that the answer can be kept or changed.
 *
 * ```ts
 * Sessions.on('doOrmExecute', async (execution) => {
 *   if (!execution.isSelect || execution.entity !== Country) return
 *   const key = JSON.stringify(execution.statement)
 *   const answer = cache.get(key) ?? (await execution.invoke())
 *   cache.set(key, answer)
 *   return answer
 * })
 * ```
 *
 * @see https://docs.sqlalchemy.org/en/20/orm/session_events.html#execute-events
 */
export class OrmExecution<S> {
  readonly session: S
  /** The call that needs it, such as `get(User)`, `query(User).all()` or `User.addresses`. */
  readonly call: string
  /** The entity whose rows it reads or writes; undefined for `execute()` and `session.db`. */
  readonly entity: AnyEntityClass | undefined
  /** The relation that it loads, such as `User.addresses`. */
  readonly relation: string | undefined
  /** It reads columns of instances that the session has already. */
  readonly isColumnLoad: boolean
  /** It is about entities: false for `execute()` and `session.db`. */
  readonly isOrmStatement: boolean
  /** It comes in batches: it can be changed or answered, not invoked. */
  readonly isStream: boolean
  readonly #draft: OrmDraft
  readonly #next: (() => Promise<OrmAnswer>) | undefined

  /** @internal */
  constructor(session: S, subject: OrmExecutionSubject, draft: OrmDraft, next: (() => Promise<OrmAnswer>) | undefined) {
    const { call, model, link, isColumnLoad = false, isOrmStatement = true } = subject
    this.session = session
    this.call = call
    this.entity = model === undefined ? undefined : (classOf(model) as unknown as AnyEntityClass)
    this.relation = link === undefined ? undefined : `${link.source.name}.${link.property}`
    this.isColumnLoad = isColumnLoad
    this.isOrmStatement = isOrmStatement
    this.isStream = next === undefined
    this.#draft = draft
    this.#next = next
  }

  /** The text and its values as the driver gets them. Assign another one to have that run. */
  get statement(): { readonly sql: string; readonly parameters: readonly unknown[] } {
    const { sql, parameters } = this.#draft.statement
    return { sql, parameters }
  }
  set statement({ sql, parameters }) {
    if (typeof sql !== 'string' || !Array.isArray(parameters))
      throw new ArgumentError('doOrmExecute: a statement is { sql, parameters }, a text and an array.')
    const { name, ...rest } = this.#draft.statement
    const isSameText = name !== undefined && sql === rest.sql
    this.#draft.statement = { ...rest, sql, parameters: [...parameters], ...(isSameText ? { name } : {}) }
  }

  /** Options that the statement carries to listeners of `query`; the connection's own are not among them. */
  get executionOptions(): Readonly<Record<string, unknown>> {
    return this.#draft.statement.executionOptions ?? {}
  }

  updateExecutionOptions(options: Readonly<Record<string, unknown>>): void {
    this.#draft.statement = {
      ...this.#draft.statement,
      executionOptions: { ...this.#draft.statement.executionOptions, ...options },
    }
  }

  get isSelect(): boolean {
    return /^\s*(select|with|values)\b/i.test(this.#draft.statement.sql)
  }

  get isInsert(): boolean {
    return /^\s*(insert|replace)\b/i.test(this.#draft.statement.sql)
  }

  get isUpdate(): boolean {
    return /^\s*update\b/i.test(this.#draft.statement.sql)
  }

  get isDelete(): boolean {
    return /^\s*delete\b/i.test(this.#draft.statement.sql)
  }

  /** It loads a relation, lazily or with its owners. */
  get isRelationshipLoad(): boolean {
    return this.relation !== undefined
  }

  /** A relation was awaited, rather than loaded with its owners. */
  get isLazyLoad(): boolean {
    return this.relation === this.call
  }

  /** Runs the listeners behind this one, and the statement unless one of them answers. @throws InvalidRequestError for a stream */
  invoke(): Promise<OrmAnswer> {
    if (this.#next !== undefined) return this.#next()
    return Promise.reject(
      new InvalidRequestError(
        `invoke() of ${this.call}: its rows come in batches, which no listener can take. Change its statement.`,
      ),
    )
  }
}

import type { ExpressionOrFactory } from 'kysely'
import type { ColumnsOf } from '../mapping/index.ts'
import { aBoolean, checkOptions, oneOf } from '../support/index.ts'
import type { Assignment, BulkOptions } from './bulk.ts'
import { bulkWrite, readAssignments } from './bulk-write.ts'
import { criteriaOf } from './criteria.ts'
import { QueryEnds } from './query-ends.ts'
import { ruledBy } from './query-state.ts'
import type { NoJoins, TableNames, Tables } from './query-types.ts'

/** What a bulk update sets: values, or expressions that make them. */
export type BulkValues<Entity, Table extends string, Joined> = {
  readonly [Name in keyof ColumnsOf<Entity>]?:
    | ColumnsOf<Entity>[Name]
    | ExpressionOrFactory<Tables<Entity, Table, Joined>, TableNames<Table, Joined>, ColumnsOf<Entity>[Name]>
}

const synchronizing = oneOf('auto', 'evaluate', 'fetch', false)

/** What writes the rows that a query means. The fourth layer of a query for instances. */
export abstract class QueryBulk<Entity, Result, Table extends string, Joined = NoJoins> extends QueryEnds<
  Entity,
  Result,
  Table,
  Joined
> {
  /**
   * Updates all rows that the query means by one statement, and gives their number. The session's instances agree with it afterwards,
   * a version counts on, and `onUpdate` columns are set; cascades and the listeners of instances are not asked.
   *
   * @throws ArgumentError for unknown properties, for keys and for values that do not fit
   * @throws InvalidRequestError with `synchronize: 'evaluate'` where only the database can decide the conditions
   * @example
   * await session.query(User).where('lastSeen', '<', lastYear).update({ active: false })
   * await session.query(Post).where('id', '=', 1).update({ views: (eb) => eb('views', '+', 1) })
   * const users = await session.query(User).filterBy({ plan: 'free' }).update({ quota: 5 }, { returning: true })
   */
  update(
    values: BulkValues<Entity, Table, Joined>,
    options: BulkOptions & { readonly returning: true },
  ): Promise<Result[]>
  update(values: BulkValues<Entity, Table, Joined>, options?: BulkOptions): Promise<number>
  update(values: object, options: BulkOptions & { readonly returning?: true } = {}): Promise<number | Result[]> {
    const call = this.label('update')
    checkOptions(call, options, { synchronize: synchronizing, returning: aBoolean })
    const assignments = readAssignments(this.table, this.state, call, values)
    return this.#write('update', assignments, options)
  }

  /**
   * Deletes all rows that the query means by one statement, and gives their number. Instances of them leave the session, until a
   * rollback brings them back; the cascades of relations are not followed, only those of the database.
   *
   * @throws InvalidRequestError as {@link update}
   * @example
   * await session.query(Session).where('expiresAt', '<', new Date()).delete()
   */
  delete(options: BulkOptions = {}): Promise<number> {
    checkOptions(this.label('delete'), options, { synchronize: synchronizing })
    return this.#write('delete', [], options) as Promise<number>
  }

  #write(
    verb: 'update' | 'delete',
    assignments: readonly Assignment[],
    { synchronize = 'auto', returning = false }: BulkOptions & { readonly returning?: boolean },
  ): Promise<number | Result[]> {
    const criteria = criteriaOf(this.target, this.state.plan, 'write')
    const state = ruledBy(criteria, this.table, this.state)
    const write = bulkWrite(this.table, state, verb, assignments, synchronize, returning)
    const done = this.target.writeBulk(write, this.label(verb))
    return this.followed(done.then(({ rowCount, instances }) => (returning ? (instances as Result[]) : rowCount)))
  }
}

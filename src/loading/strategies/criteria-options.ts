import { ArgumentError } from '../../errors.ts'
import { type EntityModel, type InstanceOf, type MODEL, modelOf } from '../../mapping/index.ts'
import { aBoolean, checkOptions, describeValue } from '../../support/index.ts'
import type { RelatedConditions } from '../query-conditions.ts'
import type { FilterValues, Queryable } from '../query-types.ts'
import type { CriteriaRule } from './criteria-rule.ts'
import { LoaderOption } from './loader-options.ts'

/** For what criteria hold. */
export interface CriteriaOptions {
  /** Not for `query.update()` and `query.delete()`. Default: false. */
  readonly loaderOnly?: boolean
  /** Also for what is loaded later of relations of the instances: lazily, by a statement of its own, or by a refresh. Default: true. */
  readonly propagateToLoaders?: boolean
}

/** What a function of {@link criteria} knows of the session. */
export interface CriteriaContext {
  /** `session.info`, as it is when the statement is made. */
  readonly info: Readonly<Record<string, unknown>>
}

/** Criteria, or their end: an option for `query.options()`, and for the option `criteria` of sessions. */
export class LoaderCriteria extends LoaderOption<never, never, never> {
  readonly #rule: CriteriaRule

  /** @internal */
  constructor(rule: CriteriaRule) {
    super((_call, _model, plan) => plan.withRules(rule))
    this.#rule = rule
  }

  /** @internal */
  get rule(): CriteriaRule {
    return this.#rule
  }
}

/** What a function of {@link criteria} narrows: the rows of a class, or of several that share the properties it names. */
export type RowsOf<Class extends Queryable<object>> = RelatedConditions<InstanceOf<Class>, Class[typeof MODEL]['table']>

const criteriaRules = { loaderOnly: aBoolean, propagateToLoaders: aBoolean }

/**
 * A condition that is added wherever an entity is read: soft deletes, tenants. It holds for the query's own rows, for what is joined
 * (in the ON of the join), for `whereHas` and its like, for counts and pages, for relations that are loaded with the query or later
 * from its instances, and for `update()` and `delete()` of many rows; for classes that inherit from the entity, too.
 *
 * What is hidden is as if it were not there: a relation to one instance is null, a collection is a part, as with {@link containsEager}.
 * An instance that the session holds is given by `get()` and by relations that point at its key without asking; reading its columns again
 * (`refresh`, `load`, `expire`) asks for its row alone, and so does whatever a flush or `merge()` has to know. Text of the program's own
 * (`fromSql`, tables that `modify()` adds, subqueries in expressions) is left as it is.
 *
 * Given to `query.options()` it holds for one query and what comes of it; as `criteria` of a sessionmaker for all sessions, as `criteria`
 * of a session for that one. The function runs each time that a statement is made, and its values are parameters.
 *
 * @param entity the class, or several that share the properties
 * @param which values by property, or a function that adds conditions: it takes what `where()` of a query for the entity takes
 * @throws ArgumentError for an option that is unknown or wrong, and, when the statement is made, for what is no condition
 * @throws MappingError for what is no entity class
 * @example
 * query.options(criteria(Comment, { deletedAt: null }))
 * query.options(criteria([Order, Invoice], (rows) => rows.where('tenantId', '=', tenantId)))
 * sessionmaker({ bind: engine, criteria: [criteria(Comment, { deletedAt: null })] })
 * @see https://docs.sqlalchemy.org/en/20/orm/queryguide/api.html#sqlalchemy.orm.with_loader_criteria
 */
export function criteria<Class extends Queryable<object>>(
  entity: Class | readonly Class[],
  which: FilterValues<InstanceOf<Class>> | ((rows: RowsOf<Class>, context: CriteriaContext) => RowsOf<Class>),
  options: CriteriaOptions = {},
): LoaderCriteria {
  if (typeof which !== 'function' && (typeof which !== 'object' || which === null)) {
    throw new ArgumentError(
      `criteria() takes values by property, or a function that adds conditions, not ${describeValue(which)}.`,
    )
  }
  checkOptions('criteria()', options, criteriaRules)
  const { loaderOnly = false, propagateToLoaders = true } = options
  const models = modelsOf(entity)
  if (models.length === 0) throw new ArgumentError('criteria() was given no entity to hold for.')
  return new LoaderCriteria({ models, which, loaderOnly, propagates: propagateToLoaders })
}

/**
 * Lifts what {@link criteria} said before: those of the session, and those of options that stand before this one.
 *
 * @param entities for these, and for classes that inherit from them; none: for all
 * @throws MappingError for what is no entity class
 * @example
 * const all = await session.query(Comment).options(withoutCriteria(Comment)).all()
 */
export function withoutCriteria(...entities: readonly Queryable<object>[]): LoaderCriteria {
  const models = entities.length === 0 ? undefined : modelsOf(entities)
  return new LoaderCriteria({ models, which: undefined, loaderOnly: false, propagates: true })
}

function modelsOf(entities: unknown): readonly EntityModel[] {
  return (Array.isArray(entities) ? entities : [entities]).map(modelOf)
}

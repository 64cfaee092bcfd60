import { ArgumentError } from '../../errors.ts'
import { type ColumnModel, type EntityModel, linksOf, nameOf, type RelationLink } from '../../mapping/index.ts'
import { type Condition, textOf } from '../condition.ts'
import { aliasedTable, type EntityTable, entityTable } from '../entity-table.ts'
import { hasOwnCondition } from '../own-condition.ts'
import type { QueryState } from '../query-state.ts'
import { comesAlong, type LoadPlan } from './load-plan.ts'

/** A relation whose targets come in the rows of the query. */
export interface JoinedNode {
  readonly link: RelationLink
  /** The place of the node that it hangs on; undefined for the query's own entity. */
  readonly parent: number | undefined
  /** Of the targets. */
  readonly plan: LoadPlan
  readonly columns: readonly ColumnModel[]
  /** Where its columns begin in a row. */
  readonly offset: number
  readonly table: EntityTable
  readonly join: 'LeftJoin' | 'InnerJoin' | 'present'
  /** What its rows must meet to be joined. */
  readonly criteria: readonly Condition[]
}

/** What comes in the rows of a query beside its own entity. */
export interface JoinedPlan {
  readonly nodes: readonly JoinedNode[]
  /** Whether there is a collection, so that an instance may be in several rows. */
  readonly hasCollections: boolean
  /** The query stands in a subquery, because limits or text of the program's own must not see the joined tables. */
  readonly wrapped: boolean
  /** Tells its text from that of every other; undefined where that is not known beforehand. */
  readonly shape: string | undefined
  /** The values of its joins, in the order of their placeholders; only where there is a shape. */
  readonly values: readonly unknown[]
}

/**
 * What a query joins to load it. Relations that it cannot join are loaded by statements of their own: those of a query that locks rows,
 * so that no others are locked, and those of one that gives equal rows once, or puts several selects together.
 *
 * @param inBatches the rows are read in batches, which would tear collections apart: they are loaded batch by batch
 * @throws ArgumentError where the plan takes a relation from a join that the query does not make
 */
export function joinedPlan(table: EntityTable, state: QueryState, inBatches = false): JoinedPlan | undefined {
  const { plan } = state
  if (state.selection !== undefined || table.model.relations.length === 0) return undefined
  const collected = new Collected(table, state, inBatches)
  collected.collect(table.model, plan, undefined, [])
  const { nodes } = collected
  if (nodes.length === 0) return undefined
  const hasCollections = nodes.some(({ link }) => link.toMany)
  const isPaged = state.limit !== undefined || state.offset !== undefined
  const wrapped = nodes.every(({ join }) => join !== 'present') && (!isPlain(state) || (hasCollections && isPaged))
  const ruled = nodes.flatMap(({ join, criteria }) => (join === 'present' ? [] : criteria))
  const text = textOf(ruled)
  const shape = text && `${wrapped}${nodes.map(shapeOf)}`
  return { nodes, hasCollections, wrapped, shape, values: text?.values ?? [] }
}

function shapeOf({ link, parent, columns, join, table, criteria }: JoinedNode): string {
  const on = join === 'present' || criteria.length === 0 ? '' : `on(${textOf(criteria)?.shape})`
  return `${parent}.${link.index}${join}${table.name}(${columns.map(({ index }) => index)})${on}`
}

/** Whether all of a query's text names its tables, so that others can stand beside them. */
function isPlain({ modified, joins, conditions, groups, havings, orderings, distinct }: QueryState): boolean {
  const parts = [...joins, ...conditions, ...orderings]
  const isGrouped = groups.length > 0 || havings.length > 0
  return modified === undefined && !isGrouped && !distinct && parts.every(({ shape }) => shape !== undefined)
}

function canJoin({ lock, distinct, modified }: QueryState): boolean {
  if (lock !== undefined || distinct) return false
  const { setOperations, frontModifiers, distinctOn, endModifiers } = modified ?? {}
  return [setOperations, frontModifiers, distinctOn, endModifiers].every((part) => part === undefined)
}

class Collected {
  readonly nodes: JoinedNode[] = []
  readonly #own: EntityTable
  readonly #state: QueryState
  readonly #canJoin: boolean
  readonly #isPlain: boolean
  readonly #inBatches: boolean
  #width: number

  constructor(own: EntityTable, state: QueryState, inBatches: boolean) {
    this.#inBatches = inBatches
    this.#own = own
    this.#state = state
    this.#canJoin = canJoin(state)
    this.#isPlain = isPlain(state)
    this.#width = state.plan.columnsOf(own.model).length
  }

  collect(model: EntityModel, plan: LoadPlan, parent: number | undefined, path: readonly RelationLink[]): void {
    for (const link of linksOf(model)) {
      const join = this.#joinOf(link, plan, path)
      if (join === undefined) continue
      const below = plan.below(link)
      const columns = below.columnsOf(link.target)
      const at = this.nodes.length
      const table = join === 'present' ? this.#present(link, plan, parent) : this.#aliased(link, `heddle_j${at}`)
      const isOuter = parent !== undefined && this.nodes[parent]?.join === 'LeftJoin'
      this.nodes.push({
        link,
        parent,
        plan: below,
        columns,
        offset: this.#width,
        table,
        join: isOuter && join === 'InnerJoin' ? 'LeftJoin' : join,
        criteria: this.#state.criteria?.at(below).of(table) ?? [],
      })
      this.#width += columns.length
      this.collect(link.target, below, at, [...path, link])
    }
  }

  #joinOf(link: RelationLink, plan: LoadPlan, path: readonly RelationLink[]): JoinedNode['join'] | undefined {
    const strategy = plan.strategyOf(link)
    if (strategy === 'containsEager') return 'present'
    const isNamed = plan.names(link)
    if (!this.#canJoin || !(isNamed || comesAlong(link, path))) return undefined
    if (strategy === 'load') return this.#isPlain && !link.toMany && !hasOwnCondition(link) ? 'LeftJoin' : undefined
    if (strategy !== 'joined' || (this.#inBatches && link.toMany)) return undefined
    return plan.relations.get(link)?.innerJoin === true ? 'InnerJoin' : 'LeftJoin'
  }

  #aliased(link: RelationLink, name: string): EntityTable {
    return aliasedTable(this.#own, link.target, { name, alias: name })
  }

  /** The table of a join that the query makes itself: along the relation, or in `modify()`. */
  #present(link: RelationLink, plan: LoadPlan, parent: number | undefined): EntityTable {
    const as = plan.relations.get(link)?.as
    const holder = parent === undefined ? this.#own.name : (this.nodes[parent]?.table.name as string)
    const along = this.#state.joins.find(
      (join) => join.link === link && join.parent === holder && (as === undefined || join.table.name === as),
    )
    if (along !== undefined) return along.table
    if (this.#state.modified !== undefined) {
      return as === undefined ? entityTable(this.#own.dialect, link.target) : this.#aliased(link, as)
    }
    throw new ArgumentError(
      `query(${nameOf(this.#own.model)}): containsEager('${link.property}') takes what the query joins, and it joins no ` +
        `${link.property}${as === undefined ? '' : ` as '${as}'`}; add join('${link.property}'), or use joined('${link.property}').`,
    )
  }
}

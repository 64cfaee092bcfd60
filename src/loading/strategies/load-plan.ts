import type { ColumnModel, EntityModel, RelationLink } from '../../mapping/index.ts'
import { type InstanceState, type LoadStyle, loadStyleOf, setLoadStyle } from '../../state/index.ts'
import { type ColumnChoice, columnsChosen } from './column-choice.ts'
import { type CriteriaRule, noRules } from './criteria-rule.ts'
import type { MemberChoice } from './member-choice.ts'

/**
 * How one relation is loaded: `load` is what `with()` asks for (a join or a second statement, whichever suits the relation),
 * `select` is when it is awaited, `containsEager` takes it from a join that the query makes anyway.
 */
export type Strategy =
  | 'load'
  | 'selectin'
  | 'joined'
  | 'immediate'
  | 'containsEager'
  | 'select'
  | 'raise'
  | 'raiseOnSql'

const eager: ReadonlySet<Strategy> = new Set(['load', 'selectin', 'joined', 'immediate', 'containsEager'] as const)

/** Whether a strategy brings the relation along. */
export function isEager(strategy: Strategy): boolean {
  return eager.has(strategy)
}

/** What is said of one relation. */
export interface RelationPlan {
  /** Undefined: as the mapping says. */
  readonly strategy: Strategy | undefined
  /** It was not named itself, but is on the way to one that was; its own option wins over that. */
  readonly implied: boolean
  /** How many levels further the same relation of its targets is loaded. */
  readonly depth: number
  /** A join that leaves out those that have nothing there. */
  readonly innerJoin: boolean
  /** The name of the join that it is taken from. */
  readonly as?: string | undefined
  /** Which members of a collection are loaded, and in what order; undefined: all, as the relation was declared. */
  readonly members?: MemberChoice | undefined
  /** Of its targets. */
  readonly below: LoadPlan
}

/** What is said of all relations that are not named. */
export interface OtherRelations {
  readonly strategy: Strategy
  /** Also of those that are reached through others. */
  readonly everywhere: boolean
}

/** What a query says about the loading of an entity's relations and columns. Immutable. */
export class LoadPlan implements LoadStyle {
  readonly relations: ReadonlyMap<RelationLink, RelationPlan>
  readonly others: OtherRelations | undefined
  readonly columns: ColumnChoice | undefined
  /** What holds for the rows of entities, here and for all that is loaded with them; later rules after earlier ones. */
  readonly rules: readonly CriteriaRule[]

  constructor(
    relations: ReadonlyMap<RelationLink, RelationPlan>,
    others: OtherRelations | undefined,
    columns: ColumnChoice | undefined,
    rules: readonly CriteriaRule[] = noRules,
  ) {
    this.relations = relations
    this.others = others
    this.columns = columns
    this.rules = rules
  }

  /** Whether nothing is said. */
  get isEmpty(): boolean {
    const saysNothing = this.relations.size === 0 && this.others === undefined && this.columns === undefined
    return saysNothing && this.rules.length === 0
  }

  /** How a relation is loaded. */
  strategyOf(link: RelationLink): Strategy {
    return this.relations.get(link)?.strategy ?? this.others?.strategy ?? link.options.lazy ?? 'select'
  }

  /** Whether the plan itself says how a relation is loaded. */
  names(link: RelationLink): boolean {
    return this.relations.get(link)?.strategy !== undefined || this.others !== undefined
  }

  /** Whether a relation of an entity to itself is followed further. */
  recurses(link: RelationLink): boolean {
    return link.source === link.target && (this.relations.get(link)?.depth ?? 0) > 0
  }

  /** Which members of a collection are loaded. */
  choiceOf(link: RelationLink): MemberChoice | undefined {
    return this.relations.get(link)?.members
  }

  forbids(link: RelationLink): boolean {
    return this.strategyOf(link) === 'raise'
  }

  /** What is said of the targets of a relation. */
  below(link: RelationLink): LoadPlan {
    const named = this.relations.get(link)
    const others = this.others?.everywhere === true ? this.others : undefined
    let below = named?.below ?? noPlan
    if (named !== undefined && named.depth > 0) below = below.with(link, { ...named, depth: named.depth - 1 })
    const rules =
      this.rules.length === 0
        ? below.rules
        : [...this.rules, ...below.rules.filter((rule) => !this.rules.includes(rule))]
    if ((others === undefined || below.others !== undefined) && rules === below.rules) return below
    return new LoadPlan(below.relations, below.others ?? others, below.columns, rules)
  }

  /** The plan with something said of a relation. What is implied changes nothing that is there. */
  with(link: RelationLink, plan: RelationPlan): LoadPlan {
    const known = this.relations.get(link)
    const both = known === undefined ? plan : merged(known, plan)
    return new LoadPlan(new Map(this.relations).set(link, both), this.others, this.columns, this.rules)
  }

  withOthers(others: OtherRelations): LoadPlan {
    return new LoadPlan(this.relations, others, this.columns, this.rules)
  }

  withColumns(columns: ColumnChoice | undefined): LoadPlan {
    return new LoadPlan(this.relations, this.others, columns, this.rules)
  }

  /** The plan with rules behind those that it has. */
  withRules(...rules: readonly CriteriaRule[]): LoadPlan {
    return new LoadPlan(this.relations, this.others, this.columns, [...this.rules, ...rules])
  }

  /** The columns that are read of the entity; the model's own list where nothing is said of them. */
  columnsOf(model: EntityModel): readonly ColumnModel[] {
    return this.columns === undefined ? model.loaded : columnsChosen(model, this.columns)
  }
}

function merged(known: RelationPlan, added: RelationPlan): RelationPlan {
  const isOverridden = !added.implied || (known.strategy === undefined && known.implied)
  return isOverridden ? added : { ...known, below: added.below }
}

/** Nothing is said: everything is loaded as it is mapped. */
export const noPlan = new LoadPlan(new Map(), undefined, undefined)

/** Whether a relation comes along by its mapping: not one that leads back, and one to its own kind no further than it says. */
export function comesAlong(link: RelationLink, path: readonly RelationLink[]): boolean {
  const { joinDepth, lazy } = link.options
  const isToOwnKind = link.source === link.target
  const levels = joinDepth ?? (isToOwnKind && lazy === 'joined' ? 0 : 1)
  const sofar = path.filter((before) => before === link).length
  return sofar < levels && (link.inverse === undefined || path.at(-1) !== link.inverse)
}

/** What the last query that gave an instance said. */
export function planOf(state: InstanceState): LoadPlan {
  return (loadStyleOf(state) as LoadPlan | undefined) ?? noPlan
}

/** Notes what was said of instances that came together. With the columns that were wanted, none of them is expired any more. */
export function notePlan(states: readonly (InstanceState | null)[], plan: LoadPlan): void {
  if (plan.isEmpty) return
  setLoadStyle(states, plan)
  if (plan.columns !== undefined) for (const state of states) if (state !== null) state.expired = false
}

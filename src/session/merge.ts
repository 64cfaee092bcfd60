import { StaleDataError } from '../errors.ts'
import { loadRelation, type RelatedSource, readByKeys } from '../loading/index.ts'
import { classOf, type EntityModel, type RelationLink } from '../mapping/index.ts'
import {
  collectionOf,
  generatedClassOf,
  type IdentityKey,
  type InstanceState,
  identityOf,
  keyValuesOf,
  knownOne,
  stateOf,
  writeRelation,
} from '../state/index.ts'
import { warn } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import { type GivenRelation, givenRelations, isOwn, mergeGraph } from './merge-graph.ts'
import { mergeUnloaded } from './merge-unloaded.ts'
import { readerFor } from './run-orm.ts'

/**
 * Copies instances, and all that they reach by relations which cascade merge, onto the session's own instances of the same keys, inside
 * an operation. Rows are read by one statement for each entity, collections that are replaced by one for each relation.
 */
export async function mergeInstances(
  core: SessionCore,
  starts: readonly InstanceState[],
  load: boolean,
): Promise<InstanceState[]> {
  const targets = load ? await new Merging(core).merge(starts) : mergeUnloaded(core, starts)
  return starts.map((start) => targets.get(start) as InstanceState)
}

class Merging {
  readonly #core: SessionCore
  readonly #source: RelatedSource
  readonly #targets = new Map<InstanceState, InstanceState>()

  constructor(core: SessionCore) {
    this.#core = core
    this.#source = {
      unit: core.unit,
      connectionFor: (model, link) => readerFor(core, { call: 'merge()', model, link }),
    }
  }

  async merge(starts: readonly InstanceState[]): Promise<ReadonlyMap<InstanceState, InstanceState>> {
    const sources = await this.#withRows(starts)
    this.#findTargets(sources)
    this.#makeTargets(sources)
    const copied = sources.filter((source) => !isOwn(this.#core.unit, source))
    for (const source of copied) copyValues(source, this.#targetOf(source))
    await this.#loadReplaced(copied)
    for (const source of copied) for (const given of givenRelations(source)) this.#relate(source, given)
    return this.#targets
  }

  #targetOf(source: InstanceState): InstanceState {
    return this.#targets.get(source) as InstanceState
  }

  // ----------------------------------------------------------------------------------------------- rows

  /** What is reached, once the rows that the session has not are read. Pending changes are flushed before. */
  async #withRows(starts: readonly InstanceState[]): Promise<InstanceState[]> {
    const { unit } = this.#core
    const sources = mergeGraph(unit, starts)
    if (!sources.some((source) => this.#lacksRow(source))) return sources
    await this.#core.autoflushNow('merge()')
    const flushed = mergeGraph(unit, starts)
    const lacking = flushed.filter((source) => this.#lacksRow(source))
    for (const [model, states] of Map.groupBy(lacking, (source) => source.model)) await this.#read(model, states)
    return flushed
  }

  /** A key that is not complete finds nothing: the copy will be a new row. */
  #lacksRow(source: InstanceState): boolean {
    if (isOwn(this.#core.unit, source)) return false
    const key = keyOf(source)
    if (key.some((part) => part === undefined) || key.every((part) => part === null)) return false
    const present = this.#present(source)
    return present === undefined || present.expired
  }

  #present(source: InstanceState): InstanceState | undefined {
    const identity = identityOf(source.model, keyOf(source))
    return identity === undefined ? undefined : this.#core.unit.find(source.model, identity)
  }

  async #read(model: EntityModel, sources: readonly InstanceState[]): Promise<void> {
    const keys = new Map(sources.map((source) => [identityOf(model, keyOf(source)), keyOf(source)]))
    await readByKeys(this.#source, model, [...keys.values()])
    for (const source of sources) {
      const present = this.#present(source)
      if (present?.expired === true) this.#core.unit.loseRow(present)
    }
  }

  // -------------------------------------------------------------------------------------------- targets

  /** The instances that are there. Versions are compared before anything is changed. */
  #findTargets(sources: readonly InstanceState[]): void {
    for (const source of sources) {
      const target = isOwn(this.#core.unit, source) ? source : this.#present(source)
      if (target === undefined) continue
      checkVersion(source, target)
      this.#targets.set(source, target)
    }
  }

  /** New instances for the others: one for each key, and one for each that has none. */
  #makeTargets(sources: readonly InstanceState[]): void {
    const made = new Map<EntityModel, Map<IdentityKey, InstanceState>>()
    for (const source of sources) {
      if (this.#targets.has(source)) continue
      const identity = identityOf(source.model, keyOf(source))
      const ofModel = made.get(source.model) ?? new Map<IdentityKey, InstanceState>()
      const target = (identity === undefined ? undefined : ofModel.get(identity)) ?? this.#newTarget(source)
      if (identity !== undefined) made.set(source.model, ofModel.set(identity, target))
      this.#targets.set(source, target)
    }
  }

  #newTarget(source: InstanceState): InstanceState {
    const { unit } = this.#core
    if (source.owner === unit && source.status === 'pending') warnOfPending(source)
    const entityClass = classOf(source.model)
    const target = stateOf(Reflect.construct(generatedClassOf(entityClass), [], entityClass))
    unit.add(target)
    return target
  }

  // ------------------------------------------------------------------------------------------ relations

  /** What a collection loses by being replaced has to be known. */
  async #loadReplaced(sources: readonly InstanceState[]): Promise<void> {
    const replaced = new Map<RelationLink, InstanceState[]>()
    for (const source of sources) {
      for (const { kind, link } of givenRelations(source)) {
        if (kind !== 'all') continue
        const target = this.#targetOf(source)
        replaced.set(link, [...(replaced.get(link) ?? []), target])
      }
    }
    for (const [link, targets] of replaced) await loadRelation(this.#source, [...new Set(targets)], link)
  }

  #relate(source: InstanceState, given: GivenRelation): void {
    const target = this.#targetOf(source)
    const { link } = given
    const merged = (item: object) => this.#targetOf(stateOf(item)).instance
    if (given.kind === 'all') writeRelation(target, link.index, given.items.map(merged))
    else if (given.kind === 'changes') {
      const { view } = collectionOf(target, link)
      view.add(...given.added.map(merged))
      view.remove(...given.removed.map(merged))
    } else setOne(target, given, given.item === null ? null : merged(given.item))
  }
}

/** Nothing where it is so already; and a null that was only read does not take away what is not known here. */
function setOne(target: InstanceState, { link, wasSet }: GivenRelation & { kind: 'one' }, item: object | null): void {
  const current = knownOne(target, link)
  if (current === item || (item === null && current === undefined && !wasSet)) return
  writeRelation(target, link.index, item)
}

function keyOf(source: InstanceState): readonly unknown[] {
  return source.storedKey ?? keyValuesOf(source.model, source.values)
}

/** Only what the source has: what was never set or is expired leaves the target's value alone. */
function copyValues(source: InstanceState, target: InstanceState): void {
  for (const { index, version, readOnly } of source.model.columns) {
    const value = source.values[index]
    if (value !== undefined && !readOnly && !(version && target.status === 'persistent')) target.write(index, value)
  }
}

function checkVersion(source: InstanceState, target: InstanceState): void {
  const { version } = source.model
  if (version === undefined || target.status !== 'persistent') return
  const given = source.values[version.index]
  const stored = target.values[version.index]
  if (given === undefined || stored === undefined || version.type.equals(given, stored)) return
  throw new StaleDataError(
    `Merging ${target.describe()}: the given instance has version ${String(given)}, the stored row has ${String(stored)}; ` +
      'somebody else has changed it. Read it again and repeat the change.',
    { identities: [target.describe()] },
  )
}

function warnOfPending(source: InstanceState): void {
  warn(
    'HEDDLE_MERGE_PENDING',
    `merge(${source.describe()}): the instance is pending in this session already; merging makes a second new row.`,
  )
}

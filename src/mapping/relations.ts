import { MappingError } from '../errors.ts'
import { warn } from '../support/index.ts'
import type { CascadeName } from './cascade.ts'
import { isColumn } from './column.ts'
import { found, listed } from './found.ts'
import type { EntityModel, RelationSource } from './model.ts'
import { suggestion } from './option-names.ts'
import { readOnlyMap } from './read-only-map.ts'
import { modelOf } from './registry.ts'
import { type GivenRelationOptions, isRelation, RELATION, type RelationKind, type RelationSpec } from './relation.ts'

/** A relation of an entity, evaluated and checked against the entity it points at. */
export interface RelationModel {
  readonly property: string
  readonly kind: RelationKind
  readonly source: EntityModel
  readonly target: EntityModel
  /** A to-one relation that may be to nothing. */
  readonly nullable: boolean
  /** The property of the target that is this relation seen from there. */
  readonly backPopulates: string | undefined
  readonly cascade: ReadonlySet<CascadeName>
  /** The properties that hold the foreign key, where they were given; of this entity or of the target, as the kind has it. */
  readonly foreignKey: readonly string[] | undefined
  /** All options as they were given. */
  readonly options: GivenRelationOptions
}

const checkedRelations = new WeakMap<EntityModel, ReadonlyMap<string, RelationModel>>()

/**
 * The relations of an entity by property. They are evaluated and checked at the first call, when all classes exist, and
 * kept from then on.
 *
 * @throws MappingError when a relation's target is no entity, or `backPopulates` or `foreignKey` names what is not there
 */
export function relationsOf(model: EntityModel): ReadonlyMap<string, RelationModel> {
  let relations = checkedRelations.get(model)
  if (relations === undefined) {
    const { parent } = model.inheritance ?? {}
    const inherited = parent === undefined ? undefined : relationsOf(parent)
    relations = readOnlyMap(
      model.relations.map((source) => {
        return [source.property, inherited?.get(source.property) ?? checkedRelation(model, source)] as const
      }),
    )
    checkedRelations.set(model, relations)
  }
  return relations
}

function checkedRelation(model: EntityModel, source: RelationSource): RelationModel {
  const relation = evaluate(model, source)
  checkForeignKey(relation)
  checkBackPopulates(relation)
  warnOfLivingOrphans(relation)
  return relation
}

function warnOfLivingOrphans({ source, property, cascade }: RelationModel): void {
  if (!cascade.has('delete-orphan') || cascade.has('delete')) return
  warn(
    'HEDDLE_ORPHAN_WITHOUT_DELETE',
    `${placeOf(source, property)}: cascades delete-orphan without delete, so a child that is taken away is deleted, and one whose ` +
      "parent is deleted is not; write cascade: 'all, delete-orphan'.",
  )
}

/** Evaluates one relation, without looking at the other side's: two sides check each other, and must not go round. */
function evaluate(source: EntityModel, { property, describe }: RelationSource): RelationModel {
  const place = placeOf(source, property)
  const spec = specOf(place, describe)
  const { backPopulates, foreignKey } = spec.options
  return Object.freeze({
    property,
    kind: spec.kind,
    source,
    target: targetOf(place, spec),
    nullable: spec.nullable,
    backPopulates,
    cascade: spec.cascade,
    foreignKey: typeof foreignKey === 'string' ? Object.freeze([foreignKey]) : foreignKey,
    options: spec.options,
  })
}

function placeOf(model: EntityModel, property: string): string {
  return `${model.name}.${property}`
}

function specOf(place: string, describe: () => unknown): RelationSpec {
  const described = describe()
  if (isRelation(described)) return described[RELATION]
  const hint = isColumn(described) ? '; write columns as plain properties' : ', such as oneToMany(() => Address)'
  throw new MappingError(
    `${place}: the getter must return a relation, got ${isColumn(described) ? 'a column' : found(described)}${hint}.`,
  )
}

function targetOf(place: string, { kind, target }: RelationSpec): EntityModel {
  let entityClass: unknown
  try {
    entityClass = target()
  } catch (cause) {
    if (!(cause instanceof ReferenceError)) throw cause
    throw new MappingError(
      `${place}: the class that ${kind}(…) names is not declared yet or not at all: ${cause.message}.`,
      { cause },
    )
  }
  try {
    return modelOf(entityClass)
  } catch (cause) {
    if (!(cause instanceof MappingError)) throw cause
    throw new MappingError(`${place}: ${kind}(…) points at no entity. ${cause.message}`, { cause })
  }
}

/** The entity whose columns hold the key, or undefined where a table of pairs does. */
function holderOf({ kind, source, target }: RelationModel): EntityModel | undefined {
  if (kind === 'manyToMany') return undefined
  return kind === 'oneToMany' ? target : source
}

function checkForeignKey(relation: RelationModel): void {
  const holder = holderOf(relation)
  if (holder === undefined) return
  for (const name of relation.foreignKey ?? []) {
    if (holder.columnOf.has(name)) continue
    const place = placeOf(relation.source, relation.property)
    const columns = holder.columnOf.keys()
    throw new MappingError(
      `${place}: foreignKey '${name}' is no column of ${holder.name}; ${suggestion(name, columns)}`,
    )
  }
}

const OPPOSITE: Readonly<Record<RelationKind, RelationKind>> = {
  manyToOne: 'oneToMany',
  oneToMany: 'manyToOne',
  oneToOne: 'oneToOne',
  manyToMany: 'manyToMany',
}

function checkBackPopulates(relation: RelationModel): void {
  const { source, target, property, backPopulates: name } = relation
  if (name === undefined) return
  const place = placeOf(source, property)
  const other = target.relations.find((candidate) => candidate.property === name)
  if (other === undefined) {
    const names = target.relations.map((candidate) => candidate.property)
    throw new MappingError(
      `${place}: backPopulates '${name}' is no relation of ${target.name}; ${suggestion(name, names)}`,
    )
  }
  if (target === source && name === property) {
    throw new MappingError(`${place}: backPopulates names the relation itself; name the one that is its other side.`)
  }
  checkOtherSide(relation, evaluate(target, other))
}

function checkOtherSide(relation: RelationModel, other: RelationModel): void {
  const place = placeOf(relation.source, relation.property)
  const otherPlace = placeOf(other.source, other.property)
  if (other.target !== relation.source) {
    throw new MappingError(
      `${place}: backPopulates names ${otherPlace}, which points at ${other.target.name}, not at ${relation.source.name}.`,
    )
  }
  if (other.kind !== OPPOSITE[relation.kind]) {
    throw new MappingError(
      `${place}: the other side of ${relation.kind}(…) must be ${OPPOSITE[relation.kind]}(…), but ${otherPlace} is ${other.kind}(…).`,
    )
  }
  if (other.backPopulates === undefined) {
    throw new MappingError(
      `${place}: backPopulates names ${otherPlace}, which does not name it back; add { backPopulates: '${relation.property}' } there, ` +
        'so that both sides agree.',
    )
  }
  if (other.backPopulates !== relation.property) {
    throw new MappingError(
      `${place}: backPopulates names ${otherPlace}, whose own backPopulates names ${listed([other.backPopulates])}; the two ` +
        'must name each other.',
    )
  }
}

import { MappingError } from '../errors.ts'
import { type ShapeModel, shapeModel } from './collection-shape.ts'
import { isInTable } from './family.ts'
import { referencedColumn } from './foreign-keys.ts'
import { listed } from './found.ts'
import type { ColumnModel, EntityModel } from './model.ts'
import { type PairTable, pairTableOf } from './pair-table.ts'
import { type RelationModel, relationsOf } from './relations.ts'

/** A column of one entity and the one of the other that must hold the same value. */
export interface ColumnPair {
  readonly source: ColumnModel
  readonly target: ColumnModel
}

/**
 * A relation with everything that is needed to follow it: which columns hold the key, on which side, through which table, and what
 * the other side calls it.
 */
export interface RelationLink extends RelationModel {
  /** Its place among the entity's relations, and in every state record of the entity. */
  readonly index: number
  readonly toMany: boolean
  /** What the collection is to the program. */
  readonly shape: ShapeModel
  /** Who holds the foreign key: this entity, the target, a table of pairs, or nobody where a condition ties the two. */
  readonly holder: 'source' | 'target' | 'pairs' | 'condition'
  /** The columns on both sides that hold the same values; empty where a table of pairs stands between. */
  readonly pairs: readonly ColumnPair[]
  readonly through: PairTable | undefined
  /** The property of the target that is this relation seen from there; none where either side is only viewed. */
  readonly inverse: RelationLink | undefined
  /** Whether the other side may only belong to one of these. */
  readonly ownsTarget: boolean
}

const known = new WeakMap<EntityModel, readonly RelationLink[]>()

/** The relations of an entity, in the order of the definition, ready to be followed. @throws MappingError when one cannot be */
export function linksOf(model: EntityModel): readonly RelationLink[] {
  let links = known.get(model)
  if (links === undefined) {
    links = model.relations.length === 0 ? none : makeLinks(model)
    known.set(model, links)
    for (const link of links) noteOwner(link)
  }
  return links
}

/** Inherited relations are the parent's own, so that they are the same for all classes of a family. */
function makeLinks(model: EntityModel): RelationLink[] {
  const { parent } = model.inheritance ?? {}
  const inherited = parent === undefined ? [] : linksOf(parent)
  const own = [...relationsOf(model).values()].slice(inherited.length)
  return [...inherited, ...own.map((relation, i) => makeLink(relation, inherited.length + i))]
}

const none: readonly RelationLink[] = []

const owners = new WeakMap<EntityModel, Set<RelationLink>>()

/** The relations that own instances of an entity (`delete-orphan`): those of the entities that it refers to, and of all in use. */
export function ownersOf(model: EntityModel): readonly RelationLink[] {
  for (const { target } of linksOf(model)) linksOf(target)
  return [...(owners.get(model) ?? [])]
}

function noteOwner(link: RelationLink): void {
  if (!link.ownsTarget) return
  const known = owners.get(link.target) ?? new Set<RelationLink>()
  owners.set(link.target, known.add(link))
}

/** The relation of that property, or undefined. */
export function linkOf(model: EntityModel, property: string): RelationLink | undefined {
  return linksOf(model).find((link) => link.property === property)
}

function makeLink(relation: RelationModel, index: number): RelationLink {
  const toMany = relation.kind === 'oneToMany' || relation.kind === 'manyToMany'
  const { holder, pairs, through } = connectionOf(relation)
  let inverse: RelationLink | null | undefined
  return Object.freeze({
    ...relation,
    index,
    toMany,
    shape: shapeModel(placeOf(relation), relation.options.collection, relation.target),
    holder,
    pairs,
    through,
    ownsTarget: relation.cascade.has('delete-orphan'),
    get inverse() {
      if (inverse === undefined) inverse = inverseOf(relation) ?? null
      return inverse ?? undefined
    },
  })
}

function inverseOf({ backPopulates, options, target }: RelationModel): RelationLink | undefined {
  if (backPopulates === undefined || options.viewOnly === true) return undefined
  const other = linkOf(target, backPopulates)
  return other?.options.viewOnly === true ? undefined : other
}

interface Connected {
  readonly holder: RelationLink['holder']
  readonly pairs: readonly ColumnPair[]
  readonly through: PairTable | undefined
}

function connectionOf(relation: RelationModel): Connected {
  const { kind, source, target, options } = relation
  if (options.on !== undefined) return { holder: 'condition', pairs: [], through: undefined }
  if (kind === 'manyToMany') return { holder: 'pairs', pairs: [], through: pairTableOf(relation) }
  if (kind === 'manyToOne' || (kind === 'oneToOne' && holdsKey(relation))) {
    if (options.where !== undefined) throw filteredOne(relation)
    return { holder: 'source', pairs: keyPairs(relation, source, target), through: undefined }
  }
  const pairs = keyPairs(relation, target, source).map(({ source: held, target: key }) => ({
    source: key,
    target: held,
  }))
  return { holder: 'target', pairs, through: undefined }
}

function filteredOne(relation: RelationModel): MappingError {
  return new MappingError(
    `${placeOf(relation)}: its own key says which row it points at, so it cannot be narrowed by where; give { viewOnly: true, on: … }, ` +
      'whose condition says all.',
  )
}

/** A one-to-one side holds the key when it names it, or when only it refers to the other. */
function holdsKey({ foreignKey, source, target }: RelationModel): boolean {
  if (foreignKey !== undefined) return true
  return referencesTo(source, target).length > 0 && referencesTo(target, source).length === 0
}

function referencesTo(holder: EntityModel, target: EntityModel): ColumnModel[] {
  return holder.columns.filter(({ references }) => references !== undefined && isInTable(target, references.table))
}

/** The columns of `holder` that hold the key of `owner`, each with the column that it holds. */
function keyPairs(relation: RelationModel, holder: EntityModel, owner: EntityModel): ColumnPair[] {
  const named = relation.foreignKey ?? inverseKey(relation)
  const columns = named?.map((name) => holder.columnOf.get(name) as ColumnModel) ?? inferredKey(relation, holder, owner)
  if (columns.length !== owner.key.length && !columns.every((column) => column.references !== undefined)) {
    throw new MappingError(
      `${placeOf(relation)}: the key of ${owner.name} has ${owner.key.length} column(s) (${listed(owner.key.map((c) => c.property))}), ` +
        `the foreign key ${columns.length}; name one column for each.`,
    )
  }
  return columns.map((column, i) => ({ source: column, target: heldColumn(relation, column, owner, i) }))
}

/** The foreign key that the other side names. */
function inverseKey({ source, target, property, backPopulates }: RelationModel): readonly string[] | undefined {
  const inverse = [...relationsOf(target).values()].find(
    (other) => other.target === source && (other.property === backPopulates || other.backPopulates === property),
  )
  return inverse?.foreignKey
}

function inferredKey(relation: RelationModel, holder: EntityModel, owner: EntityModel): ColumnModel[] {
  const candidates = referencesTo(holder, owner)
  if (candidates.length === 0) {
    throw new MappingError(
      `${placeOf(relation)}: no column of ${holder.name} references ${owner.name}; add .references('${owner.table}.` +
        `${owner.key[0]?.property}') to one, or name it with { foreignKey: '…' }.`,
    )
  }
  const targets = new Set(candidates.map((column) => heldColumn(relation, column, owner, 0)))
  if (targets.size === candidates.length && (candidates.length === 1 || candidates.length === owner.key.length)) {
    return owner.key.length === 1 ? candidates : sortByKey(relation, candidates, owner)
  }
  const names = listed(candidates.map((column) => column.property))
  throw new MappingError(
    `${placeOf(relation)}: several columns of ${holder.name} reference ${owner.name} (${names}); say which one is meant with ` +
      "{ foreignKey: '…' }.",
  )
}

function sortByKey(relation: RelationModel, columns: readonly ColumnModel[], owner: EntityModel): ColumnModel[] {
  const placeInKey = (column: ColumnModel) => owner.key.indexOf(heldColumn(relation, column, owner, 0))
  return columns.toSorted((a, b) => placeInKey(a) - placeInKey(b))
}

/** The column whose value a foreign key column holds: the one it references, else the key's part of the same place. */
function heldColumn(relation: RelationModel, column: ColumnModel, owner: EntityModel, place: number): ColumnModel {
  const { references } = column
  const isReferred = references !== undefined && isInTable(owner, references.table)
  const referenced = isReferred ? referencedColumn(owner, references.column) : owner.key[place]
  if (referenced !== undefined) return referenced
  throw new MappingError(
    `${placeOf(relation)}: ${column.property} references '${references?.column}', which ${owner.name} has not.`,
  )
}

function placeOf({ source, property }: RelationModel): string {
  return `${source.name}.${property}`
}

/**
 * The tables of pairs between the given entities, each once, for whoever makes their tables. One that is mapped as an entity of its own
 * is left to that. Follows every relation of the entities, so that what is wrong with one is found here.
 *
 * @throws MappingError for a relation that cannot be followed, or that cannot write into the entity that is mapped to its table
 */
export function pairTablesOf(models: readonly EntityModel[]): EntityModel[] {
  const given = new Set(models)
  const mapped = new Map(models.map((model) => [model.table, model]))
  const tables = new Set<EntityModel>()
  for (const model of models) {
    for (const link of linksOf(model)) {
      if (link.through === undefined) continue
      const association = mapped.get(link.through.model.table)
      if (association !== undefined) checkAssociation(link, link.through, association)
      else if (given.has(link.target)) tables.add(link.through.model)
    }
  }
  return [...tables]
}

/** An entity of its own may be mapped to the table of pairs: the relation must know its columns, and be able to write its rows. */
function checkAssociation(relation: RelationModel, through: PairTable, association: EntityModel): void {
  const keys = through.model.columns.map(({ property }) => property)
  const place = `${placeOf(relation)}: the table '${association.table}' is mapped as ${association.name}`
  const missing = keys.filter(
    (name) => association.columnOf.get(name)?.explicitName !== undefined || !association.columnOf.has(name),
  )
  if (missing.length > 0) {
    throw new MappingError(
      `${place}, which has no column ${listed(missing)} of that name; name its columns with { throughColumns: [own, other] }.`,
    )
  }
  const required = association.columns.filter((column) => !keys.includes(column.property) && needsValue(column))
  if (required.length === 0 || relation.options.viewOnly === true) return
  throw new MappingError(
    `${place}, whose ${listed(required.map(({ property }) => property))} the relation cannot give; make the relation viewOnly and add ` +
      `instances of ${association.name}, or give the columns defaults in the database.`,
  )
}

function needsValue({ nullable, autoincrement, serverDefault }: ColumnModel): boolean {
  return !nullable && !autoincrement && serverDefault === undefined
}

import type { Connection } from '../../src/engine/index.ts'
import { type FlushHost, flushUnit } from '../../src/flush/index.ts'
import {
  type ColumnModel,
  type EntityModel,
  linksOf,
  modelOf,
  pairTablesOf,
  type RelationLink,
} from '../../src/mapping/index.ts'
import { collectionOf, type InstanceState, stateOf, UnitOfWork } from '../../src/state/index.ts'
import type { Keeper } from './graph-world.ts'

type Row = unknown[]

/**
 * Tables in memory that are as strict as a database can be: every foreign key is checked after every row, not only after every
 * statement.
 */
export class MemoryTables {
  readonly #models: ReadonlyMap<string, EntityModel>
  readonly #rows = new Map<string, Row[]>()
  #lastKey = 0
  statements = 0

  constructor(classes: readonly (abstract new (...args: never[]) => object)[]) {
    const models = classes.map((each) => modelOf(each))
    this.#models = new Map([...models, ...pairTablesOf(models)].map((model) => [model.table, model]))
    for (const table of this.#models.keys()) this.#rows.set(table, [])
  }

  rowsOf(table: string): Readonly<Record<string, unknown>>[] {
    const { columns } = this.#models.get(table) as EntityModel
    return this.#in(table).map((row) =>
      Object.fromEntries(columns.map(({ property, index }) => [property, row[index]])),
    )
  }

  #in(table: string): Row[] {
    return this.#rows.get(table) as Row[]
  }

  /** A row that is there already, its values in the order of the columns. */
  put(table: string, row: Row): void {
    this.#in(table).push(row)
  }

  /** What the flush takes for a connection: only the statements that it issues. */
  connection(): Connection {
    const statements = {
      rowsAtOnce: () => 1_000,
      insertRows: async (
        _: unknown,
        model: EntityModel,
        columns: Columns,
        returning: Columns,
        rows: readonly Row[],
      ) => {
        this.statements++
        return rows.map((row) => this.#insert(model, columns, returning, row))
      },
      updateRows: async (_: unknown, model: EntityModel, set: Columns, match: Columns, rows: readonly Change[]) => {
        this.statements++
        return rows.flatMap((row, i) => (this.#update(model, set, match, row) ? [] : [i]))
      },
      deleteRows: async (_: unknown, model: EntityModel, match: Columns, rows: readonly Row[]) => {
        this.statements++
        return rows.flatMap((row, i) => (this.#delete(model, match, row) ? [] : [i]))
      },
    }
    return { statements } as unknown as Connection
  }

  #insert(model: EntityModel, columns: Columns, returning: Columns, values: Row): Row {
    const row: Row = new Array(model.columns.length).fill(null)
    columns.forEach((column, i) => {
      row[column.index] = values[i]
    })
    for (const column of returning) row[column.index] = ++this.#lastKey
    this.#in(model.table).push(row)
    this.#check(model, row)
    return returning.map(({ index }) => row[index])
  }

  #update(model: EntityModel, set: Columns, match: Columns, change: Change): boolean {
    const row = this.#find(model, match, change.match)
    if (row === undefined) return false
    set.forEach((column, i) => {
      row[column.index] = change.set[i]
    })
    this.#check(model, row)
    return true
  }

  #delete(model: EntityModel, match: Columns, values: readonly unknown[]): boolean {
    const row = this.#find(model, match, values)
    if (row === undefined) return false
    for (const { references, index, property } of model.columns) {
      const isOwn = references?.table === model.table && row[index] === row[model.key[0]?.index as number]
      if (isOwn)
        throw new Error(`${model.table}.${property} = ${String(row[index])} refers to its own row, which is deleted`)
    }
    this.#rows.set(
      model.table,
      this.#in(model.table).filter((other) => other !== row),
    )
    for (const other of this.#models.values()) for (const each of this.#in(other.table)) this.#check(other, each)
    return true
  }

  #find(model: EntityModel, match: Columns, values: readonly unknown[]): Row | undefined {
    return this.#in(model.table).find((row) => match.every(({ index }, i) => row[index] === values[i]))
  }

  #check(model: EntityModel, row: Row): void {
    for (const column of model.columns) {
      const value = row[column.index]
      if (value === null && !column.nullable) throw new Error(`${model.table}.${column.property} is null`)
      if (value === null || column.references === undefined) continue
      const target = this.#models.get(column.references.table) as EntityModel
      const place = target.columnOf.get(column.references.column)?.index as number
      if (!this.#in(target.table).some((other) => other[place] === value))
        throw new Error(`${model.table}.${column.property} = ${String(value)} refers to no row of ${target.table}`)
    }
    const twins = this.#in(model.table).filter((other) => model.key.every(({ index }) => other[index] === row[index]))
    if (twins.length > 1) throw new Error(`${model.table} has a key twice`)
  }
}

type Columns = readonly ColumnModel[]

interface Change {
  readonly set: readonly unknown[]
  readonly match: readonly unknown[]
}

/** The stored members of a collection, as the instances that the unit of work holds. */
function loadMembers(unit: UnitOfWork, tables: MemoryTables, state: InstanceState, link: RelationLink): object[] {
  const key = state.storedKey?.[0]
  const { through, target, pairs } = link
  const ids =
    through === undefined
      ? tables
          .rowsOf(target.table)
          .filter((row) => row[pairs[0]?.target.property as string] === key)
          .map((row) => row['id'])
      : tables
          .rowsOf(through.model.table)
          .filter((row) => row[through.sourceColumns[0]?.property as string] === key)
          .map((row) => row[through.targetColumns[0]?.property as string])
  const members = ids.map((id) => unit.find(target, id as number)?.instance as object)
  const collection = collectionOf(state, link)
  if (!collection.isLoaded) collection.load(members)
  return [...collection.knownItems]
}

/** A unit of work without a session, that flushes into tables in memory. All collections are loaded after each flush. */
export function keepInMemory(tables: MemoryTables): Keeper & { readonly unit: UnitOfWork; write(): Promise<void> } {
  const nothing = () => {}
  const unit = new UnitOfWork(undefined, {
    beforeChange: nothing,
    beforeRelationChange: nothing,
    beforeAttach: nothing,
    afterAttach: nothing,
    transitioned: nothing,
    loadRelated: () => Promise.reject(new Error('nothing is loaded here')),
    queryMembers: () => undefined,
  })
  const host: FlushHost = {
    connectionFor: async () => tables.connection(),
    loadMembers: async (states, link) => states.map((state) => loadMembers(unit, tables, state, link)),
    loadStored: () => Promise.reject(new Error('no relation to one instance is held by the other side here')),
  }
  const write = () => flushUnit(unit, host)
  const flush = async () => {
    await write()
    for (const state of unit.map.states()) {
      for (const link of linksOf(state.model)) if (link.toMany) loadMembers(unit, tables, state, link)
    }
  }
  return {
    unit,
    add: (instance) => unit.add(stateOf(instance)),
    delete: (instance) => unit.doom(stateOf(instance)),
    isStored: (instance) => stateOf(instance).status === 'persistent',
    write,
    flush,
    commit: flush,
  }
}

import type { ColumnModel, EntityModel } from '../../mapping/index.ts'

/** Which columns of an entity are read with its rows. */
export interface ColumnChoice {
  /** These and no others, beside what sessions need; undefined: those that are not declared deferred. */
  readonly only: ReadonlySet<ColumnModel> | undefined
  readonly deferred: ReadonlySet<ColumnModel>
  readonly undeferred: ReadonlySet<ColumnModel>
}

/** Nothing is said of columns. */
export const noChoice: ColumnChoice = Object.freeze({
  only: undefined,
  deferred: new Set<ColumnModel>(),
  undeferred: new Set<ColumnModel>(),
})

/** Whether sessions need a column with every row: the key, foreign keys, the version, and what tells its class. */
export function isNeeded({ primaryKey, references, version, discriminator }: ColumnModel): boolean {
  return primaryKey || references !== undefined || version || discriminator !== undefined
}

/** The columns of a choice, in the order of the model; the model's own list where it comes to the same. */
export function columnsChosen(model: EntityModel, choice: ColumnChoice): readonly ColumnModel[] {
  const isChosen = (column: ColumnModel) => {
    if (isNeeded(column) || choice.undeferred.has(column)) return true
    if (choice.deferred.has(column)) return false
    return choice.only === undefined ? !column.deferred : choice.only.has(column)
  }
  const chosen = model.columns.filter(isChosen)
  const isTheSame = (list: readonly ColumnModel[]) =>
    list.length === chosen.length && list.every((column, i) => column === chosen[i])
  return [model.loaded, model.columns].find(isTheSame) ?? chosen
}

/** The choice with columns left out. */
export function withDeferred(choice: ColumnChoice, columns: readonly ColumnModel[]): ColumnChoice {
  const undeferred = new Set([...choice.undeferred].filter((column) => !columns.includes(column)))
  return { ...choice, deferred: new Set([...choice.deferred, ...columns]), undeferred }
}

/** The choice with columns put in. */
export function withUndeferred(choice: ColumnChoice, columns: readonly ColumnModel[]): ColumnChoice {
  const deferred = new Set([...choice.deferred].filter((column) => !columns.includes(column)))
  return { ...choice, undeferred: new Set([...choice.undeferred, ...columns]), deferred }
}

/** The choice of these columns, with those that were chosen before in the same way. */
export function withOnly(choice: ColumnChoice, columns: readonly ColumnModel[]): ColumnChoice {
  return { ...choice, only: new Set([...(choice.only ?? []), ...columns]) }
}

import { InvalidRequestError, StaleDataError } from '../errors.ts'
import { classOf } from '../mapping/index.ts'
import { type InstanceState, identityOf, instantiatorOf, keyValuesOf, stateOf } from '../state/index.ts'
import { warn } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import type { SessionLoader } from './loader.ts'

/** Copies a state onto the session's own instance of its key, inside an operation. */
export async function mergeInstance(
  core: SessionCore,
  loader: SessionLoader,
  source: InstanceState,
  load: boolean,
): Promise<InstanceState> {
  if (source.owner === core.unit && source.status === 'persistent') return source
  if (!load) return mergeWithoutLoading(core, source)
  if (source.owner === core.unit && source.status === 'pending') warnOfPending(source)
  const target = (await findTarget(core, loader, source)) ?? newTarget(core, source)
  checkVersion(source, target)
  copyValues(source, target)
  return target
}

/** A key that is not complete finds nothing: the copy will be a new row. */
async function findTarget(
  core: SessionCore,
  loader: SessionLoader,
  source: InstanceState,
): Promise<InstanceState | null> {
  const { model } = source
  const key = source.storedKey ?? keyValuesOf(model, source.values)
  if (key.some((part) => part === undefined) || key.every((part) => part === null)) return null
  const identity = identityOf(model, key)
  const present = identity === undefined ? undefined : core.unit.find(model, identity)
  if (present !== undefined && !present.expired) return present
  return readTarget(core, loader, source, key)
}

/** Reads the row without a flush: what is pending has no row under the key yet. */
async function readTarget(
  core: SessionCore,
  loader: SessionLoader,
  source: InstanceState,
  key: readonly unknown[],
): Promise<InstanceState | null> {
  const before = core.autoflush
  core.autoflush = false
  try {
    return await loader.get(source.model, key, 'merge()', { populateExisting: false, lock: undefined })
  } finally {
    core.autoflush = before
  }
}

function newTarget(core: SessionCore, source: InstanceState): InstanceState {
  const entityClass = classOf(source.model) as new () => object
  const instance = Reflect.construct(Object.getPrototypeOf(entityClass) as new () => object, [], entityClass) as object
  const target = stateOf(instance)
  core.unit.add(target)
  return target
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

/** Takes the source's values as they are for those of the row: no SQL, nothing dirty. */
function mergeWithoutLoading(core: SessionCore, source: InstanceState): InstanceState {
  if (source.identity === undefined || source.isModified) {
    const found = source.identity === undefined ? 'has no row' : 'has unflushed changes'
    throw new InvalidRequestError(
      `merge(${source.describe()}, { load: false }): the instance ${found}; merge it with loading.`,
    )
  }
  const present = core.unit.find(source.model, source.identity)
  const target = present ?? instantiatorOf(source.model)(new Array(source.model.columns.length).fill(undefined))
  target.values = source.values.slice()
  if (present !== undefined) return target
  target.identity = source.identity
  target.storedKey = source.storedKey
  core.ensureTransaction('merge()')
  core.unit.adopt(target)
  return target
}

function warnOfPending(source: InstanceState): void {
  warn(
    'HEDDLE_MERGE_PENDING',
    `merge(${source.describe()}): the instance is pending in this session already; merging makes a second new row.`,
  )
}

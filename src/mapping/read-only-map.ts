/** A map that stays as it was made: freezing alone does not keep a Map from changing. */
export function readOnlyMap<Key, Value>(entries: Iterable<readonly [Key, Value]>): ReadonlyMap<Key, Value> {
  const map = new Map(entries)
  const refuse = { value: refuseChange }
  Object.defineProperties(map, { set: refuse, delete: refuse, clear: refuse })
  return Object.freeze(map)
}

function refuseChange(): never {
  throw new TypeError('This map is read only')
}

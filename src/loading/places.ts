import type { IdentityKey } from '../state/index.ts'

/** Finds the place of an identity in a list: the first, or -1. */
export type FindPlace = (identity: IdentityKey | undefined) => number

/** Numbers that lie close together are found in an array; a Map takes several times as long to be filled and asked. */
export function placesIn(identities: readonly (IdentityKey | undefined)[]): FindPlace {
  const range = rangeOf(identities)
  return range === undefined ? placesByMap(identities) : placesByNumber(identities, range)
}

interface Range {
  readonly first: number
  readonly last: number
}

/** The range of identities that are integers; undefined where there are none, others are among them, or many are missing between them. */
function rangeOf(identities: readonly (IdentityKey | undefined)[]): Range | undefined {
  let first = 0
  let last = -1
  for (const identity of identities) {
    if (identity === undefined) continue
    if (typeof identity !== 'number' || !Number.isSafeInteger(identity)) return undefined
    const isOnly = first > last
    if (isOnly || identity < first) first = identity
    if (isOnly || identity > last) last = identity
  }
  return first <= last && last - first < 4 * identities.length ? { first, last } : undefined
}

function placesByNumber(identities: readonly (IdentityKey | undefined)[], { first, last }: Range): FindPlace {
  // One more than the place, so that zero is none.
  const places = new Int32Array(last - first + 1)
  for (let place = identities.length - 1; place >= 0; place--) {
    const identity = identities[place]
    if (identity !== undefined) places[(identity as number) - first] = place + 1
  }
  return (identity) => (typeof identity === 'number' ? (places[identity - first] ?? 0) - 1 : -1)
}

function placesByMap(identities: readonly (IdentityKey | undefined)[]): FindPlace {
  const places = new Map<IdentityKey, number>()
  identities.forEach((identity, place) => {
    if (identity !== undefined && !places.has(identity)) places.set(identity, place)
  })
  return (identity) => (identity === undefined ? -1 : (places.get(identity) ?? -1))
}

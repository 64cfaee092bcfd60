import { MappingError } from '../errors.ts'
import { found } from './found.ts'
import { suggestion } from './option-names.ts'

/** An act on an instance that can reach related instances. */
export type CascadeName = 'save-update' | 'merge' | 'delete' | 'delete-orphan' | 'expunge' | 'refresh-expire'

const ALL: readonly CascadeName[] = ['save-update', 'merge', 'delete', 'expunge', 'refresh-expire']
const WRITES: readonly CascadeName[] = ['save-update', 'delete', 'delete-orphan']
const GROUPS: ReadonlyMap<string, readonly CascadeName[]> = new Map<string, readonly CascadeName[]>([
  ...[...ALL, 'delete-orphan' as const].map((name) => [name, [name]] as const),
  ['all', ALL],
  ['none', []],
])

/**
 * Reads a cascade such as `'all, delete-orphan'`.
 *
 * @param place where it stands, as the message begins
 * @throws MappingError for an unknown name, and for a write cascade of a relation that writes nothing
 */
export function parseCascade(place: string, cascade: string | undefined, viewOnly: boolean): ReadonlySet<CascadeName> {
  if (cascade === undefined) return new Set(viewOnly ? ['merge'] : ['save-update', 'merge'])
  if (typeof cascade !== 'string') {
    throw new MappingError(`${place}: cascade must be a string such as 'all, delete-orphan', got ${found(cascade)}.`)
  }
  const names = new Set<CascadeName>()
  for (const word of cascade.split(',')) {
    for (const name of groupOf(place, word.trim())) names.add(name)
  }
  const write = viewOnly ? WRITES.find((name) => names.has(name)) : undefined
  if (write === undefined) return names
  throw new MappingError(`${place}: the relation is viewOnly and writes nothing, so it cannot cascade '${write}'.`)
}

function groupOf(place: string, word: string): readonly CascadeName[] {
  const group = GROUPS.get(word)
  if (group !== undefined) return group
  throw new MappingError(`${place}: there is no cascade '${word}'; ${suggestion(word, GROUPS.keys())}`)
}

import type { RelationLink } from '../mapping/index.ts'
import type { InstanceState } from './instance-state.ts'

/** What the query that gave instances said about the loading of their relations; made by whoever loads. */
export interface LoadStyle {
  /** Whether a relation is given only where it was loaded or set, also where its instance is known without that. */
  forbids(link: RelationLink): boolean
}

/** By the list of what came together, so that an instance needs nothing for it. */
const styles = new WeakMap<readonly (InstanceState | null)[], LoadStyle>()

/** Notes what was said of instances that came together. */
export function setLoadStyle(siblings: readonly (InstanceState | null)[], style: LoadStyle): void {
  styles.set(siblings, style)
}

/** What the last query that gave an instance said; undefined where it said nothing. */
export function loadStyleOf({ siblings }: InstanceState): LoadStyle | undefined {
  return siblings === undefined ? undefined : styles.get(siblings)
}

import type { EngineUrl } from '../engine/index.ts'
import { abortable } from '../support/index.ts'

/** Who has a lock in this thread, and those of it who wait, first come first served. */
interface Line {
  last: Promise<void>
  inside: number
}

/** By the URL object, which engines that are derived from one another share. */
const lines = new WeakMap<EngineUrl, Map<string, Line>>()

/**
 * One at a time in this thread for each engine and name, before the database is asked: so that of many callers only one asks it, and a
 * database that is one connection needs no lock at all.
 *
 * @returns what gives the turn to the next; undefined when somebody has it and `wait` is false
 * @throws the signal's reason, when it aborts before the turn has come
 */
export async function enterLine(
  url: EngineUrl,
  name: string,
  wait: boolean,
  signal: AbortSignal | undefined,
): Promise<(() => void) | undefined> {
  const names = lines.get(url) ?? new Map<string, Line>()
  lines.set(url, names)
  const line = names.get(name) ?? { last: Promise.resolve(), inside: 0 }
  if (line.inside > 0 && !wait) return undefined
  names.set(name, line)
  line.inside++
  const turn = line.last
  const { promise, resolve } = Promise.withResolvers<void>()
  line.last = turn.then(() => promise)
  const leave = () => {
    resolve()
    if (--line.inside === 0) names.delete(name)
  }
  try {
    await abortable(turn, signal)
  } catch (error) {
    leave()
    throw error
  }
  return leave
}

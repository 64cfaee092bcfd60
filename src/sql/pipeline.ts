import type { Outcome, Statement } from '../drivers/index.ts'
import { allInOrder } from '../support/index.ts'
import type { Runner } from './statement-parts.ts'

/** Statements sent ahead of their answers at most: their values are in memory together. */
const AHEAD = 8

/**
 * Runs statements in their order, each made when its turn has come. Where the runner need not wait for the answer of one before it
 * sends the next, the server works on the first ones while the others are made, and while answers are taken.
 *
 * @param take is given each answer, in the order of the statements
 * @throws the first failure; the server runs nothing behind it
 */
export async function runInOrder(
  runner: Runner,
  count: number,
  make: (index: number) => Statement,
  take: (outcome: Outcome, index: number) => void,
): Promise<void> {
  let next = 0
  while (next < count) {
    const ahead = runner.canPipeline === true ? Math.min(AHEAD, count - next) : 1
    if (ahead > 1 && runner.together !== undefined) {
      await sendAhead(runner.together.bind(runner), next, next + ahead, make, take)
      next += ahead
    } else {
      take(await runner.run(make(next)), next)
      next++
    }
  }
}

async function sendAhead(
  together: NonNullable<Runner['together']>,
  start: number,
  end: number,
  make: (index: number) => Statement,
  take: (outcome: Outcome, index: number) => void,
): Promise<void> {
  await together((runner) => {
    const sent: Promise<void>[] = []
    for (let at = start; at < end; at++) sent.push(runner.run(make(at)).then((outcome) => take(outcome, at)))
    return allInOrder(sent)
  })
}

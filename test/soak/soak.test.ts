import { expect, it } from 'vitest'
import { problemsOf, soak } from '../../scripts/soak.ts'
import { onEvery } from '../support/index.ts'

onEvery({}, (db) => {
  it('a short mixed load leaves no connection out, opens few, and stores what was acknowledged', async () => {
    const outcome = await soak({ url: await db.freshUrl(), rounds: 12, milliseconds: 15_000 })
    expect(problemsOf(outcome)).toEqual([])
    expect(outcome.failedOnPurpose).toBe(outcome.rounds * 2)
  }, 60_000)
})

it('a soak that finds growth, rows or connections says so', () => {
  const good = {
    rounds: 1,
    acknowledged: 1,
    stored: 1,
    failedOnPurpose: 0,
    connectionsOut: 0,
    opened: 5,
    heap: [9, 5, 5, 6],
  }
  expect(problemsOf(good)).toEqual([])
  expect(problemsOf({ ...good, stored: 2 })).toHaveLength(1)
  expect(problemsOf({ ...good, connectionsOut: 1, heap: [9, 5, 9, 20] })).toHaveLength(2)
})

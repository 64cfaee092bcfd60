import { expect, it } from 'vitest'
import { startOfDay } from '../../src/support/index.ts'

/** `Date.UTC` takes the years up to 99 for those of the twentieth century; this does not. */
function startByDate(year: number, month: number, day: number): number {
  return new Date(0).setUTCFullYear(year, month - 1, day)
}

it('a day begins when Date says, in every month of the years 0 to 9999', () => {
  const wrong: string[] = []
  for (let year = 0; year <= 9999; year++) {
    for (let month = 1; month <= 12; month++) {
      for (const day of [1, 28, 29, 31]) {
        if (startOfDay(year, month, day) !== startByDate(year, month, day)) wrong.push(`${year}-${month}-${day}`)
      }
    }
  }
  expect(wrong).toEqual([])
})

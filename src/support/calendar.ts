/** Days of a year before each of its months, from 1 on, where February has 28. */
const daysBefore = Int16Array.of(0, 0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334)
/** From the first day of the year 0 to that of 1970. */
const daysToEpoch = 719_528

/**
 * When a day of the Gregorian calendar begins in UTC, in milliseconds since 1970; a day beyond the end of its month is one of the
 * next. Years are from 0 on, months from 1 to 12. `Date.UTC` takes several times as long, and takes the years up to 99 for others.
 */
export function startOfDay(year: number, month: number, day: number): number {
  const leapYears = month > 2 ? year : year - 1
  const leapDays = (leapYears >> 2) - ((leapYears / 100) | 0) + ((leapYears / 400) | 0)
  return (365 * year + leapDays + (daysBefore[month] as number) + day - daysToEpoch) * 86_400_000
}

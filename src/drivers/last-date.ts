/** Remembers the moment that was written last, and its text: rows written together have few different ones. */
export function keepingLast(write: (date: Date, position: number) => string): typeof write {
  let lastTime = Number.NaN
  let lastText = ''
  return (date, position) => {
    const time = date.getTime()
    if (time === lastTime) return lastText
    lastText = write(date, position)
    lastTime = time
    return lastText
  }
}

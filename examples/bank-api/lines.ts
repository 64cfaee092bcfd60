/** A line that was longer than allowed; its text is not kept. */
export const TOO_LONG: unique symbol = Symbol('too long')

/** A line as its bytes, without its end; or that there was one which is too long. */
export type Line = Buffer | typeof TOO_LONG

const NEWLINE = 0x0a
const RETURN = 0x0d

/**
 * Cuts what arrives into lines, however the network has cut it. Never holds more than one line of the highest length: a longer one
 * is told of as soon as it is, and skipped to its end.
 */
export class LineCutter {
  readonly #highest: number
  /** The beginning of the line that is not complete. */
  #parts: Buffer[] = []
  #length = 0
  #skipping = false

  /** @param highest bytes a line may have, its end not counted */
  constructor(highest: number) {
    this.#highest = highest
  }

  /** The lines that this chunk completes, in order. */
  cut(chunk: Buffer): Line[] {
    const lines: Line[] = []
    let start = 0
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, start)) {
      this.#take(chunk.subarray(start, end), lines)
      if (!this.#skipping) lines.push(this.#line())
      this.#forget()
      this.#skipping = false
      start = end + 1
    }
    this.#take(chunk.subarray(start), lines)
    return lines
  }

  #take(part: Buffer, lines: Line[]): void {
    if (this.#skipping) return
    this.#length += part.length
    // One byte more may be the carriage return of a line that ends like on Windows.
    const isTooLong = this.#length > this.#highest + 1 || (this.#length > this.#highest && part.at(-1) !== RETURN)
    if (!isTooLong) {
      this.#parts.push(part)
      return
    }
    this.#forget()
    this.#skipping = true
    lines.push(TOO_LONG)
  }

  #line(): Buffer {
    const line = this.#parts.length === 1 ? (this.#parts[0] as Buffer) : Buffer.concat(this.#parts)
    return line.at(-1) === RETURN ? line.subarray(0, -1) : line
  }

  #forget(): void {
    this.#parts = []
    this.#length = 0
  }
}

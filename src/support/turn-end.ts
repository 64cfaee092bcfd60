/** Taken once: a test that puts fake timers in its place later must not keep a turn from ending. */
const afterTurn = setImmediate

/**
 * Does something once when what is ready now has run, promises included, however often it is asked for until then. For what only
 * concerns objects that outlive the turn of the event loop in which they were made. Does not keep the program alive.
 */
export class TurnEnd {
  readonly #work: () => void
  #isDue = false

  constructor(work: () => void) {
    this.#work = work
  }

  ask(): void {
    if (this.#isDue) return
    this.#isDue = true
    afterTurn(this.#run).unref()
  }

  readonly #run = (): void => {
    this.#isDue = false
    this.#work()
  }
}

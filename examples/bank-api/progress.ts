const WIDTH = 40

/** Where it is shown. */
interface Out {
  readonly isTTY?: boolean
  write(text: string): boolean
}

/** Shows how far something has come: a bar that moves on a terminal, a line for every tenth elsewhere. */
export class Progress {
  readonly #total: number
  readonly #out: Out
  #shown = 0

  constructor(total: number, out: Out = process.stdout) {
    this.#total = total
    this.#out = out
  }

  /** @param done how much of the total is done */
  show(done: number): void {
    const step = Math.floor((done / this.#total) * (this.#out.isTTY ? 100 : 10))
    if (step === this.#shown) return
    this.#shown = step
    const full = Math.round((done / this.#total) * WIDTH)
    if (this.#out.isTTY) this.#out.write(`\r[${'='.repeat(full)}${' '.repeat(WIDTH - full)}] ${done} of ${this.#total}`)
    else this.#out.write(`${done} of ${this.#total} requests\n`)
  }

  /** Leaves the bar as it is and goes on below it. */
  end(): void {
    if (this.#out.isTTY) this.#out.write('\n')
  }
}

import type { Engine } from './heddle.ts'

/** Counts what an engine does, from now on: its own events, and its pool's status each time a connection is taken. */
export class Meter {
  commits = 0
  rollbacks = 0
  /** The most connections that were out at a time. */
  mostTaken = 0
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
    engine.on('commit', () => {
      this.commits += 1
    })
    engine.on('rollback', () => {
      this.rollbacks += 1
    })
    engine.on('checkout', () => {
      this.mostTaken = Math.max(this.mostTaken, engine.pool.status().checkedOut)
    })
  }

  /** Connections that are out now. When nothing runs any more, they are leaked. */
  get taken(): number {
    return this.#engine.pool.status().checkedOut
  }

  /** Who holds them. */
  get holders(): string[] {
    return this.#engine.pool.holders().map(({ label }) => label)
  }
}

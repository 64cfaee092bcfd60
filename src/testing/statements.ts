import { AssertionError } from 'node:assert'
import type { Engine } from '../index.ts'

/** One statement as it went to the driver. */
export interface RecordedStatement {
  readonly sql: string
  readonly parameters: readonly unknown[] | undefined
  /** How many sets of values it carried, where it was a batch. A batch is one statement. */
  readonly batch?: number
}

/** What a recorder listens to: an engine. */
export interface StatementSource {
  on(event: 'query', listener: (event: RecordedStatement) => void): unknown
}

/**
 * Listens to the statements of an engine from now on, to say in a test which were sent and how many.
 *
 * ```ts
 * const statements = recordStatements(engine)
 * await statements.during(() => Session.begin(() => register('ed')))
 * statements.expectInAnyOrder('insert into users', /^select .* from groups/)
 * statements.expectAtMost(2)
 * ```
 */
export function recordStatements(engine: Engine): StatementRecorder {
  return new StatementRecorder(engine)
}

/**
 * A statement that is expected: the beginning of its text, or a pattern of it. Texts are compared without quotes around
 * names, with single spaces and in lower case, so that one expectation serves all databases.
 */
export type ExpectedStatement = string | RegExp

const control =
  /^(?:begin|start transaction|commit|rollback|savepoint|release|set (?:session |local )?transaction|set session characteristics)\b/

/**
 * Remembers the statements of an engine, without those that only begin, end or mark a transaction. What it expects and does not find
 * is an AssertionError with the list of what was sent. Made by {@link recordStatements}.
 */
export class StatementRecorder {
  #statements: RecordedStatement[] = []
  readonly #stop: unknown

  /** @param source an engine */
  constructor(source: StatementSource) {
    this.#stop = source.on('query', (event) => {
      if (!control.test(plain(event.sql))) this.#statements.push(event)
    })
  }

  /** Listens no more; what was recorded stays. */
  stop(): void {
    if (typeof this.#stop === 'function') this.#stop()
  }

  [Symbol.dispose](): void {
    this.stop()
  }

  /** Everything since the beginning, or since the last `clear()`. */
  get statements(): readonly RecordedStatement[] {
    return this.#statements
  }

  /** How many there were. */
  get count(): number {
    return this.#statements.length
  }

  /** Forgets what was recorded. */
  clear(): void {
    this.#statements = []
  }

  /** Forgets what was recorded, does the work, and gives its result; then an `expect…` tells about this work alone. */
  async during<T>(work: () => T | Promise<T>): Promise<T> {
    this.clear()
    return await work()
  }

  /** Exactly these statements, in this order. */
  expectExactly(...expected: readonly ExpectedStatement[]): void {
    const fits = expected.length === this.count && expected.every((each, index) => matches(this.#plain[index], each))
    if (!fits) this.#fail(expected, 'exactly these statements, in this order')
  }

  /** Exactly these statements, in whatever order. */
  expectInAnyOrder(...expected: readonly ExpectedStatement[]): void {
    if (expected.length !== this.count || !pairUp(this.#plain, expected)) {
      this.#fail(expected, 'exactly these statements, in any order')
    }
  }

  /** So many statements and no other number. */
  expectCount(wanted: number): void {
    if (this.count !== wanted) this.#fail([], `${wanted} statements`)
  }

  /** Not more than so many statements. */
  expectAtMost(most: number): void {
    if (this.count > most) this.#fail([], `at most ${most} statements`)
  }

  get #plain(): string[] {
    return this.#statements.map(({ sql }) => plain(sql))
  }

  #fail(expected: readonly ExpectedStatement[], what: string): never {
    const list = (lines: readonly unknown[]) => lines.map((line) => `  ${line}`).join('\n') || '  (none)'
    const wanted = expected.length > 0 ? `expected ${what}:\n${list(expected)}` : `expected ${what}`
    throw new AssertionError({ message: `${wanted}\nbut these ${this.count} were sent:\n${list(this.#plain)}` })
  }
}

function plain(sql: string): string {
  return sql.replace(/["`]/g, '').replace(/\s+/g, ' ').trim().toLowerCase()
}

function matches(text: string | undefined, expected: ExpectedStatement): boolean {
  if (text === undefined) return false
  return typeof expected === 'string' ? text.startsWith(plain(expected)) : expected.test(text)
}

/** Whether each expectation can have a statement of its own, found by trying: one statement may fit several of them. */
function pairUp(texts: readonly string[], expected: readonly ExpectedStatement[]): boolean {
  const [first, ...others] = expected
  if (first === undefined) return texts.length === 0
  return texts.some((text, index) => matches(text, first) && pairUp(texts.toSpliced(index, 1), others))
}

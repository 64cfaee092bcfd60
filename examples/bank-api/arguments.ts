import { BankError } from './bank-error.ts'

/** What the database can number. */
const HIGHEST_NUMBER = 2 ** 31 - 1

/**
 * The arguments of a request, read one by one. What is wrong is told by name; what nobody asked for is refused at the end, so that
 * a slip such as `amuont` never becomes a default.
 */
export class Arguments {
  readonly #op: string
  readonly #given: Readonly<Record<string, unknown>>
  readonly #read = new Set<string>()

  constructor(op: string, given: Readonly<Record<string, unknown>>) {
    this.#op = op
    this.#given = given
  }

  /** The number of an account or an entry. */
  number(name: string): number {
    return this.#whole(name, HIGHEST_NUMBER)
  }

  /** Cents: more than none, and exact in JSON. */
  amount(name: string): bigint {
    return BigInt(this.#whole(name, Number.MAX_SAFE_INTEGER))
  }

  /** A whole number from 1 to `highest`. */
  count(name: string, highest: number): number {
    return this.#whole(name, highest)
  }

  /** A text with something in it. */
  text(name: string, longest: number): string {
    const value = this.#take(name)
    const problem = textProblem(value, longest)
    if (problem === undefined) return value as string
    throw this.#wrong(name, problem)
  }

  /** What `read` gives, or undefined where the client left the argument out. */
  optional<T>(name: string, read: (name: string) => T): T | undefined {
    return this.#take(name) === undefined ? undefined : read(name)
  }

  /** @throws BankError where there is more than was read */
  done(): void {
    const more = Object.keys(this.#given).find((name) => !this.#read.has(name))
    if (more === undefined) return
    const known = [...this.#read].map((name) => `'${name}'`).join(', ')
    throw new BankError('invalid_argument', `${this.#op}: there is no argument '${more}' beside ${known}.`)
  }

  #whole(name: string, highest: number): number {
    const value = this.#take(name)
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 && value <= highest) return value
    throw this.#wrong(name, `must be a whole number from 1 to ${highest}`)
  }

  #take(name: string): unknown {
    this.#read.add(name)
    return this.#given[name]
  }

  #wrong(name: string, problem: string): BankError {
    const value = JSON.stringify(this.#given[name])
    const found = value === undefined ? 'it is missing' : `got ${value.length > 60 ? `${value.slice(0, 60)}…` : value}`
    return new BankError('invalid_argument', `${this.#op}: '${name}' ${problem}; ${found}.`)
  }
}

function textProblem(value: unknown, longest: number): string | undefined {
  if (typeof value !== 'string' || value.trim() === '') return 'must be a text that is not empty'
  if ([...value].length > longest) return `must have at most ${longest} characters`
  // Half of a surrogate pair, or a zero byte, is no text to every database.
  return value.isWellFormed() && !value.includes('\0') ? undefined : 'must be well-formed text without zero bytes'
}

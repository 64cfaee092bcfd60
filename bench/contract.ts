/** The databases that are measured. */
export type Product = 'sqlite' | 'postgres' | 'mariadb'

/** Where one library finds the database that is its own: what one changes must not be seen by another. */
export interface Target {
  readonly product: Product
  /** SQLite's file. */
  readonly file: string
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database: string
}

/** A new row for W3. */
export interface NewUser {
  readonly name: string
  readonly email: string
  readonly age: number
}

/**
 * The workloads, each as a user of the library would write it. Every one gives a number by which the libraries are checked against each
 * other.
 */
export interface Runner {
  /** One row by key, a transaction (or session) each. Gives the sum of ages. */
  w1a(ids: readonly number[]): Promise<number>
  /** The same in one transaction (or session). */
  w1b(ids: readonly number[]): Promise<number>
  /** Users 1 to `count` into whatever the library gives for rows. Gives the sum of ages. */
  w2(count: number): Promise<number>
  /** New rows, their keys brought back, in one transaction. Gives the number of different keys. */
  w3(users: readonly NewUser[]): Promise<number>
  /** Loads users 1 to `count` and gives each another balance (age + its id), in one transaction. Gives how many were loaded. */
  w4(count: number): Promise<number>
  /** Users 1 to `count` with their posts. Gives the sum of views. */
  w5a(count: number): Promise<number>
  /** The same, and each post with its tags. Gives the sum of views and tag ids. */
  w5b(count: number): Promise<number>
  /**
   * One request: begins, reads the user, reads 10 of its posts, adds a post, adds 1 to its balance, commits. Gives the number of posts
   * read. Absent where the database has one writer.
   */
  w6?(userId: number): Promise<number>
  /** Loads users 1 to `count` and gives what must be held to keep them. */
  w7(count: number): Promise<object>
  close(): Promise<void>
}

/** A library that is measured. */
export interface Library {
  readonly name: string
  /** Its version, as its package tells it. */
  readonly version: string
  /** Undefined where it has no driver for the product that can be installed here. */
  open(target: Target): Promise<Runner | undefined>
}

import { bigint, entity, enumeration, integer, sql, timestamp, varchar } from './heddle.ts'

/** Why an entry was made. */
export type Reason = 'deposit' | 'transfer'

/** Somebody's money, in cents. The check is the last line of defence: no bug can store an overdraft. */
export class Account extends entity(
  'accounts',
  {
    id: integer().primaryKey(),
    owner: varchar(100),
    balance: bigint().default(0n),
  },
  { checks: [sql`balance >= 0`] },
) {
  /** Moves money in, or out when the amount is negative, and gives the entry that says so. The only way a balance changes. */
  book(amount: bigint, reason: Reason, other: Account | null = null): Entry {
    this.balance += amount
    return new Entry({ accountId: this.id, amount, balance: this.balance, reason, otherId: other?.id ?? null })
  }
}

/**
 * A line of an account's history; never changed afterwards. It keeps the balance that it led to, so the entries alone are a
 * consistent statement, and every account can be checked against them.
 */
export class Entry extends entity(
  'entries',
  {
    id: integer().primaryKey(),
    accountId: integer().references('accounts.id'),
    amount: bigint(),
    balance: bigint(),
    reason: enumeration('deposit', 'transfer'),
    otherId: integer().references('accounts.id').nullable(),
    at: timestamp().default(() => new Date()),
  },
  { indexes: [['accountId', 'id']] },
) {}

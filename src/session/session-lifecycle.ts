import { defineLifecycle } from '../support/index.ts'

export type SessionStatus = 'quiet' | 'in transaction' | 'closing' | 'closed'
export type SessionMove = 'begin' | 'end' | 'close' | 'closeInTransaction' | 'finish'

/**
 * The legal moves of a session. `closing`: it has ended for good (its block or scope is over, or it was interrupted) while a transaction is
 * still to be rolled back. Only `closed` is for ever; `session.close()` alone leads back to `quiet`.
 */
export const sessionLifecycle = defineLifecycle<SessionStatus, SessionMove>({
  name: 'session',
  initial: 'quiet',
  moves: {
    begin: { from: ['quiet'], to: 'in transaction' },
    end: { from: ['in transaction'], to: 'quiet' },
    close: { from: ['quiet'], to: 'closed' },
    closeInTransaction: { from: ['in transaction'], to: 'closing' },
    finish: { from: ['closing'], to: 'closed' },
  },
})

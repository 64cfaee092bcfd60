import type { SessionCore } from './core.ts'
import { commitTo, rollbackTo } from './ending.ts'
import type { TransactionEnds } from './session-transaction.ts'
import { insideFlush } from './transactions.ts'

/** How the transactions of a session end by their own methods. */
export function endsOf(core: SessionCore): TransactionEnds {
  return {
    commitTo: (transaction) => {
      if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('transaction.commit()'))
      return core.gate.runAlone('commit()', () => commitTo(core, transaction))
    },
    rollbackTo: (transaction) => {
      if (core.gate.isInsideFlush()) return Promise.reject(insideFlush('transaction.rollback()'))
      const end = () => rollbackTo(core, transaction)
      return transaction.nested ? core.gate.seizeHere('rollback()', end) : core.gate.seize('rollback()', end)
    },
  }
}

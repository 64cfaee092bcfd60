import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Warning } from '../../src/support/index.ts'

/** The warnings of heddle that are given while `work` runs. */
export async function warningsDuring(work: () => unknown): Promise<Warning[]> {
  const seen: Warning[] = []
  const note = (message: unknown) => {
    seen.push(message as Warning)
  }
  subscribe('heddle:warning', note)
  try {
    await work()
  } finally {
    unsubscribe('heddle:warning', note)
  }
  return seen
}

import { ResourceClosedError } from '../errors.ts'
import type { Collector } from './postgres-rows.ts'

/** What a stream needs of its connection. */
export interface StreamSource {
  /** Opens a portal, in a transaction of its own where there is none, and reads the first rows. */
  open(): Promise<{ readonly portal: string; readonly alone: boolean; readonly collector: Collector }>
  /** Reads the next rows. */
  fetch(portal: { readonly name: string; readonly shape: Collector['shape'] }): Promise<Collector>
  close(portal: string): Promise<void>
  /** Ends the stream's own transaction. */
  settle(alone: boolean, failed: boolean): Promise<void>
  /** How many transactions have ended on the connection. */
  ended(): number
}

/**
 * The rows of a portal, one batch after another. Each batch is an exchange of its own, so that other statements of the
 * transaction may run between two of them. Leaving the iteration closes the portal.
 */
export async function* streamRows(source: StreamSource): AsyncGenerator<readonly unknown[], void, undefined> {
  const { portal, alone, collector: first } = await source.open()
  const ended = source.ended()
  let collector: Collector | undefined = first
  try {
    while (collector !== undefined) {
      const rows = readableRows(collector)
      if (rows.length > 0) yield rows
      if (!collector.suspended) break
      if (source.ended() !== ended) throw endedError()
      collector = undefined
      collector = await source.fetch({ name: portal, shape: first.shape })
    }
  } finally {
    const failed = collector === undefined
    if (source.ended() === ended) {
      if (collector?.suspended && !alone) await source.close(portal)
      await source.settle(alone, failed)
    }
  }
}

function readableRows(collector: Collector): readonly unknown[] {
  if (collector.failure !== undefined) throw collector.failure
  return collector.takeRows()
}

function endedError(): Error {
  return new ResourceClosedError('The stream cannot be read on: the transaction it belongs to has ended.')
}

import type { WireValue } from './postgres-parameters.ts'
import type { Prepared } from './postgres-prepared.ts'
import type { Collector } from './postgres-rows.ts'

/** The messages of PostgreSQL's protocol that heddle sends. pg's connection writes them to its socket as they come. */
export interface Messages {
  query(text: string): void
  parse(message: { readonly name: string; readonly text: string }): void
  bind(message: { readonly portal: string; readonly statement: string; readonly values: readonly WireValue[] }): void
  describe(message: { readonly type: 'P'; readonly name: string }): void
  execute(message: { readonly portal: string; readonly rows: number }): void
  close(message: { readonly type: 'P' | 'S'; readonly name: string }): void
  sync(): void
}

/** PostgreSQL's state of the transaction: idle, in a transaction, in a failed transaction. */
export type WireStatus = 'I' | 'T' | 'E'

/** How messages travel to one session of PostgreSQL and back. */
export interface Transport {
  /** As the server told it with its last answer. */
  readonly status: WireStatus
  readonly brokenBy: unknown
  /** Whether exchanges may be sent before the ones ahead of them are answered. */
  readonly pipelines: boolean
  /**
   * Sends messages that end in one Sync (or are one query), and gives the answer to the collector. Settles after the
   * server is ready again, so that `status` is right then; rejects with the server's error, or with the connection's.
   *
   * @param patience milliseconds of silence after which a transport over a network gives up, where that is sooner than usual
   */
  exchange(send: (messages: Messages) => void, collector: Collector, patience?: number): Promise<void>
  cancel(): Promise<void>
  close(): Promise<void>
  destroy(): void
}

/** One statement as it is to travel. */
export interface Shipment {
  readonly sql: string
  readonly values: readonly WireValue[]
  /** The statement kept prepared; undefined for one without a name. */
  readonly prepared: Prepared | undefined
  /** Names that the server is to forget. */
  readonly evicted: readonly string[]
  /** A BEGIN that goes ahead. */
  readonly begin: string | undefined
  /** A named portal that gives so many rows at a time; undefined for all rows at once. */
  readonly portal: { readonly name: string; readonly rows: number } | undefined
}

/**
 * Sends a statement. All messages up to the Sync stand and fall together: where the BEGIN ahead fails, the server skips
 * the statement, which therefore never runs outside of its transaction. Text without name, values and portal goes by the
 * simple protocol, which takes several statements and those that cannot be prepared.
 */
export function ship(messages: Messages, shipment: Shipment): void {
  const { sql, values, prepared, begin, portal } = shipment
  if (prepared === undefined && values.length === 0 && portal === undefined) {
    messages.query(begin === undefined ? sql : beginPrefix(begin) + sql)
    return
  }
  for (const name of shipment.evicted) messages.close({ type: 'S', name })
  if (prepared?.suspect) messages.close({ type: 'S', name: prepared.name })
  if (begin !== undefined) shipBegin(messages, begin)
  shipParse(messages, sql, prepared)
  messages.bind({ portal: portal?.name ?? '', statement: prepared?.name ?? '', values })
  if (!prepared?.described) messages.describe({ type: 'P', name: portal?.name ?? '' })
  messages.execute({ portal: portal?.name ?? '', rows: portal?.rows ?? 0 })
  messages.sync()
}

/** Where BEGIN goes ahead in one text, errors are placed behind it: see {@link movePosition}. */
function beginPrefix(begin: string): string {
  return `${begin};`
}

/** Counts the place of an error from the beginning of the caller's own text. */
export function movePosition(error: unknown, shipment: Shipment): void {
  const failure = error as { position?: unknown }
  if (shipment.begin === undefined || shipment.prepared !== undefined || shipment.values.length > 0) return
  if (typeof failure?.position !== 'string' || shipment.portal !== undefined) return
  failure.position = String(Number(failure.position) - beginPrefix(shipment.begin).length)
}

function shipBegin(messages: Messages, begin: string): void {
  messages.parse({ name: '', text: begin })
  messages.bind({ portal: '', statement: '', values: [] })
  messages.execute({ portal: '', rows: 0 })
}

function shipParse(messages: Messages, text: string, prepared: Prepared | undefined): void {
  if (prepared?.parsed) return
  messages.parse({ name: prepared?.name ?? '', text })
  if (prepared === undefined) return
  prepared.parsed = true
  prepared.suspect = false
}

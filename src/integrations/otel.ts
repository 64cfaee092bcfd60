import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, type Span, SpanKind, SpanStatusCode, type Tracer, trace } from '@opentelemetry/api'
import type { FlushMessage, QueryEvent, TransactionMessage } from '../index.ts'
import { aBoolean, anObject, checkOptions, type RulesOf } from '../support/index.ts'

/** How spans are made. */
export interface TraceOptions {
  /** Makes the spans. Default: the tracer `heddle` of the global provider */
  readonly tracer?: Tracer
  /** Put the text of statements into spans; values never are. Default: true */
  readonly statements?: boolean
}

const rules: RulesOf<TraceOptions> = { tracer: anObject, statements: aBoolean }

/**
 * Makes OpenTelemetry spans of what all engines of this thread do: one for each transaction, from its begin to its end, with one for
 * each statement and each flush in it, below the span that was active where it began. Needs the package `@opentelemetry/api`.
 *
 * ```ts
 * const stop = traceHeddle()
 * ```
 *
 * @returns a function that stops it; open spans are ended
 * @throws ArgumentError for wrong options
 */
export function traceHeddle(options: TraceOptions = {}): () => void {
  checkOptions('traceHeddle()', options, rules)
  const spans = new Spans(options.tracer ?? trace.getTracer('heddle'), options.statements ?? true)
  const listeners = {
    'heddle:transaction': (message: unknown) => spans.transaction(message as TransactionMessage),
    'heddle:query': (message: unknown) => spans.query(message as QueryEvent),
    'heddle:flush': (message: unknown) => spans.flush(message as FlushMessage),
  }
  for (const [name, listener] of Object.entries(listeners)) subscribe(name, listener)
  return () => {
    for (const [name, listener] of Object.entries(listeners)) unsubscribe(name, listener)
    spans.endAll()
  }
}

type On = QueryEvent['connection']

class Spans {
  readonly #tracer: Tracer
  readonly #showsStatements: boolean
  readonly #open = new Map<On, Span>()

  constructor(tracer: Tracer, showsStatements: boolean) {
    this.#tracer = tracer
    this.#showsStatements = showsStatements
  }

  transaction({ event, connection, isolation, readOnly }: TransactionMessage): void {
    if (event === 'begin') {
      const attributes = {
        'heddle.label': connection.label,
        ...systemOf(connection),
        ...(isolation !== undefined && { 'heddle.isolation': isolation }),
        ...(readOnly !== undefined && { 'heddle.read_only': readOnly }),
      }
      const span = this.#tracer.startSpan('transaction', { kind: SpanKind.CLIENT, attributes }, context.active())
      this.#open.set(connection, span)
      return
    }
    const span = this.#open.get(connection)
    this.#open.delete(connection)
    span?.setAttribute('heddle.outcome', event)
    span?.end()
  }

  query({ sql, rowCount, durationMs, error, batch, connection }: QueryEvent): void {
    const attributes = {
      ...systemOf(connection),
      ...(this.#showsStatements && { 'db.query.text': sql }),
      ...(rowCount !== undefined && { 'db.response.returned_rows': rowCount }),
      ...(batch !== undefined && { 'db.operation.batch.size': batch }),
    }
    this.#past(operationOf(sql), durationMs, error, attributes, this.#open.get(connection))
  }

  flush({ label, reason, inserts, updates, deletes, durationMs, error }: FlushMessage): void {
    const counts = { 'heddle.inserts': inserts, 'heddle.updates': updates, 'heddle.deletes': deletes }
    this.#past('flush', durationMs, error, { 'heddle.label': label, 'heddle.reason': reason, ...counts }, undefined)
  }

  endAll(): void {
    for (const span of this.#open.values()) span.end()
    this.#open.clear()
  }

  /** A span of what is over already. */
  #past(
    name: string,
    durationMs: number,
    error: unknown,
    attributes: Readonly<Record<string, string | number>>,
    parent: Span | undefined,
  ): void {
    const end = Date.now()
    const around = parent === undefined ? context.active() : trace.setSpan(context.active(), parent)
    const startTime = end - durationMs
    const span = this.#tracer.startSpan(name, { kind: SpanKind.CLIENT, startTime, attributes }, around)
    if (error !== undefined) {
      const failure = error instanceof Error ? error : new Error(String(error))
      span.recordException(failure)
      span.setStatus({ code: SpanStatusCode.ERROR, message: failure.name })
    }
    span.end(end)
  }
}

function operationOf(sql: string): string {
  return /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? 'statement'
}

function systemOf(connection: On): { readonly 'db.system.name'?: string } {
  const { dialect } = connection as { readonly dialect?: { readonly name: string } }
  return dialect === undefined ? {} : { 'db.system.name': dialect.name }
}

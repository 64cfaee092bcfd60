import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { context, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-base'
import { describe, expect, it, onTestFinished } from 'vitest'
import {
  createAll,
  type FlushMessage,
  type PoolMessage,
  type QueryEvent,
  type ScopeMessage,
  scopedSession,
  sessionmaker,
  slowLog,
  sql,
  type TransactionMessage,
} from '../../src/index.ts'
import { traceHeddle } from '../../src/integrations/otel.ts'
import { Note, until } from '../integrations/world.ts'
import { openEngine } from '../support/engines.ts'
import { onEvery } from '../support/index.ts'

/** What a channel carries from now until the end of the test. */
function listen<Message>(channel: string): Message[] {
  const messages: Message[] = []
  const listener = (message: unknown) => void messages.push(message as Message)
  subscribe(channel, listener)
  onTestFinished(() => void unsubscribe(channel, listener))
  return messages
}

onEvery({}, (db) => {
  async function open() {
    const engine = openEngine(await db.freshUrl(), { pool: { size: 1, maxOverflow: 0 } })
    await createAll(engine, [Note])
    return { engine, Session: scopedSession(sessionmaker({ bind: engine })) }
  }

  describe('the diagnostics channels', () => {
    it('tell of one unit of work all that happens', async () => {
      const { Session } = await open()
      const scopes = listen<ScopeMessage>('heddle:scope')
      const transactions = listen<TransactionMessage>('heddle:transaction')
      const queries = listen<QueryEvent>('heddle:query')
      const flushes = listen<FlushMessage>('heddle:flush')
      const pools = listen<PoolMessage>('heddle:pool')
      await Session.begin(() => Session.add(new Note({ text: 'a' })), { label: 'work' })
      expect(scopes.map(({ event, label, why }) => [event, label, why])).toEqual([
        ['open', 'work', undefined],
        ['end', 'work', 'its scope has ended'],
      ])
      expect(transactions.map(({ event, connection }) => [event, connection.label])).toEqual([
        ['begin', 'work'],
        ['commit', 'work'],
      ])
      expect(transactions[1]?.durationMs).toBeGreaterThan(0)
      expect(queries.map(({ sql: text }) => text.slice(0, 6))).toEqual(['insert'])
      expect(flushes).toMatchObject([{ label: 'work', reason: 'commit()', inserts: 1, updates: 0, deletes: 0 }])
      expect(pools.map(({ event, label, resource }) => [event, label, resource])).toEqual([
        ['acquire', 'work', 'connection'],
        ['release', 'work', 'connection'],
      ])
      expect(pools[0]).toMatchObject({ status: { size: 1, checkedOut: 1 } })
    })

    it('tell of what fails', async () => {
      const { engine, Session } = await open()
      await Session.begin(() => Session.add(new Note({ text: 'a' })))
      const [transactions, queries] = [
        listen<TransactionMessage>('heddle:transaction'),
        listen<QueryEvent>('heddle:query'),
      ]
      const [flushes, pools] = [listen<FlushMessage>('heddle:flush'), listen<PoolMessage>('heddle:pool')]
      await expect(Session.begin(() => Session.add(new Note({ text: 'a' })))).rejects.toThrow()
      expect(transactions.map(({ event }) => event)).toEqual(['begin', 'rollback'])
      expect([queries[0]?.error, flushes[0]?.error]).toEqual([expect.any(Error), expect.any(Error)])
      await using _held = await engine.connect({ label: 'holder' })
      await expect(engine.connect({ label: 'waiter', timeout: 20 })).rejects.toThrow(/'holder'/)
      expect(pools.at(-1)).toMatchObject({ event: 'timeout', label: 'waiter' })
    })
  })

  it('slowLog() writes slow statements, and transactions while they are open and at their end', async () => {
    const { Session } = await open()
    const lines: string[] = []
    const stop = slowLog({ statements: 0, transactions: 200, write: (line) => lines.push(line) })
    onTestFinished(stop)
    await Session.begin(
      async () => {
        await Session.execute(sql`select ${'secret'} as one`)
        await until(() => lines.some((line) => line.includes('open for')))
      },
      { label: 'report' },
    )
    expect(lines).toEqual([
      expect.stringMatching(/^slow statement of 'report', \d+ ms: select /),
      expect.stringMatching(/^long transaction of 'report', open for more than 200 ms; its last statement: select /),
      expect.stringMatching(/^long transaction of 'report' was committed after \d+ ms$/),
    ])
    expect(lines.join()).not.toContain('secret')
    stop()
    await Session.begin(() => Session.query(Note).count())
    expect(lines).toHaveLength(3)
    expect(() => slowLog({ statement: 1 } as never)).toThrow(/statements/)
  })

  it('traceHeddle() makes spans below the one that is active', async () => {
    const { Session } = await open()
    const exporter = new InMemorySpanExporter()
    const provider = new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] })
    const manager = new AsyncLocalStorageContextManager().enable()
    context.setGlobalContextManager(manager)
    const tracer = provider.getTracer('test')
    const stop = traceHeddle({ tracer })
    onTestFinished(() => {
      stop()
      manager.disable()
      context.disable()
    })
    const request = tracer.startSpan('request')
    await context.with(trace.setSpan(context.active(), request), () =>
      Session.begin(() => Session.add(new Note({ text: 'a' })), { label: 'work' }),
    )
    const failing = Session.begin(() => Session.add(new Note({ text: 'a' })))
    await expect(failing).rejects.toThrow()
    const spans = exporter.getFinishedSpans().map((span) => ({
      name: span.name,
      outcome: span.attributes['heddle.outcome'],
      parent: span.parentSpanContext?.spanId,
      failed: span.status.code === 2,
      id: span.spanContext().spanId,
    }))
    const transaction = spans.find(({ name }) => name === 'transaction')
    const root = request.spanContext().spanId
    expect(spans.map(({ id: _id, ...span }) => span)).toMatchObject([
      { name: 'INSERT', parent: transaction?.id, failed: false },
      { name: 'flush', parent: root, failed: false },
      { name: 'transaction', parent: root, outcome: 'commit' },
      { name: 'INSERT', failed: true },
      // The flush is over when what it had begun is rolled back.
      { name: 'transaction', parent: undefined, outcome: 'rollback' },
      { name: 'flush', failed: true },
    ])
  })
})

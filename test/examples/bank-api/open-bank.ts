import { once } from 'node:events'
import { createConnection } from 'node:net'
import { expect, onTestFinished } from 'vitest'
import { dropDatabase, openDatabase } from '../../../examples/bank-api/database.ts'
import type { Engine } from '../../../examples/bank-api/heddle.ts'
import { LineCutter } from '../../../examples/bank-api/lines.ts'
import { Meter } from '../../../examples/bank-api/meter.ts'
import { BankServer } from '../../../examples/bank-api/server.ts'
import type { TestDatabase } from '../../support/index.ts'

/** The bank of one test, with its own empty tables. When the test ends, a connection that is still out fails it. */
export interface OpenBank {
  readonly engine: Engine
  readonly bank: BankServer
  readonly meter: Meter
  readonly faults: unknown[]
}

let banks = 0

/** The tables, without a server. */
export async function openTables(db: TestDatabase): Promise<Engine> {
  const engine = await openDatabase(db.url, { prefix: `bank_${++banks}_` })
  onTestFinished(async () => {
    const { checkedOut } = engine.pool.status()
    await dropDatabase(engine).finally(() => engine.dispose())
    expect(checkedOut, 'connections that were not given back').toBe(0)
  })
  return engine
}

/** The tables and a server. */
export async function openBank(db: TestDatabase): Promise<OpenBank> {
  const engine = await openTables(db)
  const faults: unknown[] = []
  const bank = await BankServer.start({ onFault: (fault) => faults.push(fault) })
  onTestFinished(() => bank.close(0))
  return { engine, bank, meter: new Meter(engine), faults }
}

/** A client that sends bytes as they are, and reads lines. */
export interface RawClient {
  send(bytes: string | Buffer): Promise<void>
  /** The next so many answers, parsed. Fails when the server hangs up before. */
  read(lines: number): Promise<Record<string, unknown>[]>
  /** Answers that nobody has read. */
  readonly unread: number
  /** Closes the socket, at once. */
  vanish(): Promise<void>
  /** Settles when the server has hung up. */
  readonly ended: Promise<unknown>
}

export async function rawClient({ port }: BankServer): Promise<RawClient> {
  const socket = createConnection({ port, host: '127.0.0.1', noDelay: true })
  await once(socket, 'connect')
  onTestFinished(() => void socket.destroy())
  const cutter = new LineCutter(1024 * 1024)
  const answers: Record<string, unknown>[] = []
  let wake = () => {}
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
  socket.on('error', () => {})
  socket.on('close', () => wake())
  socket.on('data', (chunk: Buffer) => {
    for (const line of cutter.cut(chunk)) answers.push(JSON.parse(line.toString()))
    wake()
  })
  return {
    send: (bytes) =>
      new Promise((resolve, reject) => socket.write(bytes, (error) => (error ? reject(error) : resolve()))),
    read: async (lines) => {
      while (answers.length < lines) {
        if (socket.closed) throw new Error(`The server hung up after ${answers.length} of ${lines} answers.`)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
      }
      return answers.splice(0, lines)
    },
    get unread() {
      return answers.length
    },
    vanish: async () => {
      socket.destroy()
      await closed
    },
    ended: closed,
  }
}

/** A request as a line. */
export function line(request: object): string {
  return `${JSON.stringify(request)}\n`
}

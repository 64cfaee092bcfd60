import { parseArgs } from 'node:util'
import { openDatabase } from './database.ts'
import { BankServer } from './server.ts'

/** The bank as a program: `node examples/bank-api/main.ts --port 7777 --url sqlite:///bank.db`. */
const { values } = parseArgs({ options: { port: { type: 'string' }, url: { type: 'string' } } })
const url = values.url ?? 'sqlite://'

const engine = await openDatabase(url)
const bank = await BankServer.start({ port: Number(values.port ?? 7777) })
console.log(`The bank listens on 127.0.0.1:${bank.port}, with ${engine.url}. Ctrl-C ends it.`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, end)

/** Answers what was asked, then lets go of the database. */
async function end(): Promise<void> {
  await bank.close()
  await engine.dispose()
}

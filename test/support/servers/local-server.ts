import { type ChildProcess, spawn } from 'node:child_process'
import { chownSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { delimiter, join } from 'node:path'

/** A user that a server is run as; undefined where it runs as the user of the tests. */
export interface Account {
  readonly uid: number
  readonly gid: number
}

/** A server process that the tests started. */
export interface LocalServer {
  readonly port: number
  /** Asks the process to stop and waits until it has. `signal` instead of the server's own way, for one that is to crash. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** A server that can be started, stopped and started again at the same place. */
export interface PreparedServer {
  /** As its administrator, without a database. */
  readonly url: string
  start(): Promise<LocalServer>
}

/** A TCP port that nobody listens on. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('The system gave no TCP port to listen on.')
  return address.port
}

/** The path of a program on PATH, or in the folders where systems keep servers. */
export function findProgram(...names: readonly string[]): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/libexec']
  for (const name of names) {
    const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
    if (found) return found
  }
  return undefined
}

/**
 * Whom a server that refuses to run as root runs as: the first of `names` that the system knows. Undefined when the
 * tests do not run as root and need nobody else.
 */
export function unprivilegedAccount(...names: readonly string[]): Account | undefined {
  if (process.getuid?.() !== 0) return undefined
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n')
  for (const name of names) {
    const fields = lines.find((line) => line.startsWith(`${name}:`))?.split(':')
    if (fields) return { uid: Number(fields[2]), gid: Number(fields[3]) }
  }
  throw new Error(`The tests run as root, and none of the users ${names.join(', ')} exists to run a server as.`)
}

/** Gives a folder to the account that is to work in it. */
export function giveTo(account: Account | undefined, folder: string): void {
  if (account) chownSync(folder, account.uid, account.gid)
}

/** Runs a program to its end; rejects with all it said when it fails. */
export async function runProgram(program: string, args: readonly string[], account?: Account): Promise<string> {
  const child = spawn(program, args, { ...account, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = collectOutput(child)
  const code = await new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (code !== 0) throw new Error(`${program} ended with ${code}: ${said()}`)
  return said()
}

/** Starts a server and waits until `answers` no longer rejects. `stopSignal` makes it stop in order. */
export async function startServer(
  program: string,
  args: readonly string[],
  options: { port: number; stopSignal: NodeJS.Signals; answers: () => Promise<void>; account?: Account | undefined },
): Promise<LocalServer> {
  const child = spawn(program, args, { ...options.account, stdio: ['ignore', 'pipe', 'pipe'] })
  const said = collectOutput(child)
  const ended = new Promise<void>((resolve) => child.once('error', () => resolve()).once('close', () => resolve()))
  const killAtExit = () => child.kill('SIGKILL')
  process.prependOnceListener('exit', killAtExit)
  const stop = async (signal = options.stopSignal) => {
    if (child.exitCode === null) child.kill(signal)
    await ended
    process.off('exit', killAtExit)
  }
  try {
    await untilAnswers(child, options.answers, said)
  } catch (error) {
    await stop()
    throw error
  }
  return { port: options.port, stop }
}

async function untilAnswers(child: ChildProcess, answers: () => Promise<void>, said: () => string): Promise<void> {
  const until = Date.now() + 60_000
  for (;;) {
    if (child.exitCode !== null || child.pid === undefined)
      throw new Error(`${child.spawnfile} did not start: ${said()}`)
    try {
      return await answers()
    } catch (cause) {
      if (Date.now() > until) throw new Error(`${child.spawnfile} gave no answer in time: ${said()}`, { cause })
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}

function collectOutput(child: ChildProcess): () => string {
  let output = ''
  const keep = (chunk: Buffer) => {
    output = (output + chunk.toString()).slice(-10_000)
  }
  child.stdout?.on('data', keep)
  child.stderr?.on('data', keep)
  return () => output.trim()
}

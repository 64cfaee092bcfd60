import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** The service that README.md tells readers to paste into an empty folder. */
function serviceOf(readme: string): string {
  const service = /```ts file=server\.mts\n([\s\S]*?)\n```/.exec(readme)?.[1]
  if (service === undefined) throw new Error('README.md shows no server.mts')
  return service
}

/** Runs README's service in a folder where heddle and Fastify are installed, and asks it as a client would. Gives what it answered. */
export async function askService(readme: string, folder: string): Promise<string> {
  writeFileSync(join(folder, 'server.mts'), serviceOf(readFileSync(readme, 'utf8')))
  const port = await freePort()
  const args = ['--disable-warning=ExperimentalWarning', 'server.mts']
  const server = spawn(process.execPath, args, { cwd: folder, env: { ...process.env, PORT: String(port) } })
  const said: string[] = []
  for (const stream of [server.stdout, server.stderr]) stream.on('data', (chunk) => said.push(String(chunk)))
  const ended = once(server, 'exit')
  try {
    const url = `http://127.0.0.1:${port}/users`
    await answering(url, () => server.exitCode === null)
    const statuses = [await post(url, 'ed'), await post(url, 'ed'), await post(url, 'wendy')]
    return `${statuses.join(' ')} ${await (await fetch(url)).text()}`
  } catch (error) {
    throw new Error(`README's service failed:\n${said.join('')}`, { cause: error })
  } finally {
    server.kill()
    await ended
  }
}

async function post(url: string, name: string): Promise<number> {
  const headers = { 'content-type': 'application/json' }
  const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify({ name }) })
  await response.text()
  return response.status
}

async function answering(url: string, isRunning: () => boolean): Promise<void> {
  for (let tries = 0; tries < 300 && isRunning(); tries++) {
    if (
      await fetch(url).then(
        (response) => response.ok,
        () => false,
      )
    )
      return
    await sleep(100)
  }
  throw new Error('it does not answer')
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1')
  await once(probe, 'listening')
  const { port } = probe.address() as { port: number }
  await new Promise((resolve) => probe.close(resolve))
  return port
}

import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A relay in front of a database server that can fail as networks do. */
export interface Proxy {
  /** The URL of the database behind it, by way of it. */
  readonly url: string
  /** Cuts every connection that is open. */
  cut(): void
  /** Sends what matches on to the server, and then cuts that connection before the answer can come. */
  cutAfter(sent: RegExp): void
}

/** Opens a relay for the database at a URL; it ends with the test. */
export async function openProxy(url: string): Promise<Proxy> {
  const { hostname, port } = new URL(url)
  const sockets = new Set<Socket>()
  let pattern: RegExp | undefined
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname)
    const end = () => {
      client.destroy()
      upstream.destroy()
    }
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', end).on('close', end)
      socket.on('close', () => sockets.delete(socket))
    }
    upstream.on('data', (data) => client.write(data))
    client.on('data', (data) => {
      if (!pattern?.test(data.toString('latin1'))) return void upstream.write(data)
      pattern = undefined
      client.destroy()
      upstream.removeAllListeners('close')
      upstream.end(data)
    })
  })
  await listening(server)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const target = new URL(url)
  target.hostname = '127.0.0.1'
  target.port = String((server.address() as { port: number }).port)
  return {
    url: target.href,
    cut: () => {
      for (const socket of sockets) socket.destroy()
    },
    cutAfter: (sent) => {
      pattern = sent
    },
  }
}

function listening(server: Server): Promise<void> {
  return new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
}

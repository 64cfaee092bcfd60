import { connect, createServer, type Server, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

/** A relay in front of a database server that counts round trips: how often a client speaks after the server has. */
export class TurnCounter {
  /** The URL of the database behind it, by way of it. */
  readonly url: string
  #turns = 0

  private constructor(url: string, server: Server) {
    const { hostname, port } = new URL(url)
    server.on('connection', (client: Socket) => this.#relay(client, { host: hostname, port: Number(port) }))
    const own = new URL(url)
    own.hostname = '127.0.0.1'
    own.port = String((server.address() as { port: number }).port)
    this.url = own.href
  }

  static async open(url: string): Promise<TurnCounter> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    return new TurnCounter(url, server)
  }

  /** How many there were since it was asked last. */
  take(): number {
    const turns = this.#turns
    this.#turns = 0
    return turns
  }

  #relay(client: Socket, target: { readonly host: string; readonly port: number }): void {
    const upstream = connect(target)
    let isServersTurn = false
    client.on('data', (data) => {
      if (!isServersTurn) this.#turns++
      isServersTurn = true
      upstream.write(data)
    })
    upstream.on('data', (data) => {
      isServersTurn = false
      client.write(data)
    })
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
    }
  }
}

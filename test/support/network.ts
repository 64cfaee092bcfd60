import { connect, createServer, type Server, type Socket } from 'node:net'

/** One connection through a {@link Network}, and whether bytes still pass. */
interface Link {
  readonly client: Socket
  readonly upstream: Socket
}

/** A relay in front of a database server that fails as networks do, on command. */
export class Network {
  /** The URL of the database behind it, by way of it. */
  readonly url: string
  readonly #target: { readonly host: string; readonly port: number }
  readonly #port: number
  #server: Server | undefined
  readonly #links = new Set<Link>()
  #pattern: { readonly sent: RegExp; readonly passOn: boolean } | undefined
  #isStalled = false
  #isMute = false
  #turns = 0

  private constructor(url: string, server: Server) {
    const { hostname, port } = new URL(url)
    this.#target = { host: hostname, port: Number(port) }
    this.#port = (server.address() as { port: number }).port
    this.#server = server.on('connection', (socket: Socket) => this.#welcome(socket))
    const own = new URL(url)
    own.hostname = '127.0.0.1'
    own.port = String(this.#port)
    this.url = own.href
  }

  static async open(url: string): Promise<Network> {
    return new Network(url, await listening(0))
  }

  /** How often a client has spoken to the server, once or many times before an answer, since it was asked last: the round trips. */
  takeTurns(): number {
    const turns = this.#turns
    this.#turns = 0
    return turns
  }

  /** Cuts every connection that is open, as a router that was restarted does. */
  cut(): void {
    for (const { client, upstream } of this.#links) {
      client.resetAndDestroy()
      upstream.destroy()
    }
  }

  /** Sends what matches on to the server, and then cuts that connection before the answer can come. */
  cutAfter(sent: RegExp): void {
    this.#pattern = { sent, passOn: true }
  }

  /** Cuts the connection on which something that matches is sent; the server never gets it. */
  cutBefore(sent: RegExp): void {
    this.#pattern = { sent, passOn: false }
  }

  /** Nothing passes any more, on connections old and new, and nobody is told. */
  stall(): void {
    this.#isStalled = true
    for (const { client, upstream } of this.#links) for (const socket of [client, upstream]) socket.pause()
  }

  /** The server's side of every connection ends, and the client's never hears of it. */
  halfOpen(): void {
    for (const { client, upstream } of this.#links) {
      client.removeAllListeners('data').resume()
      upstream.removeAllListeners('close').destroy()
    }
  }

  /** New connections are accepted, and nothing answers on them. */
  mute(): void {
    this.#isMute = true
  }

  /** Cuts what is open and refuses what comes. */
  async refuse(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    const closed = new Promise((resolve) => server?.close(resolve))
    this.cut()
    if (server !== undefined) await closed
  }

  /** All is well again for new connections; those that stood still go on. */
  async heal(): Promise<void> {
    this.#isMute = false
    this.#isStalled = false
    this.#pattern = undefined
    for (const { client, upstream } of this.#links) for (const socket of [client, upstream]) socket.resume()
    if (this.#server === undefined) {
      this.#server = (await listening(this.#port)).on('connection', (socket: Socket) => this.#welcome(socket))
    }
  }

  close(): void {
    for (const { client, upstream } of this.#links) for (const socket of [client, upstream]) socket.destroy()
    this.#server?.close()
  }

  #welcome(client: Socket): void {
    if (this.#isMute) {
      client.on('error', () => {})
      this.#links.add({ client, upstream: client })
      return
    }
    const upstream = connect(this.#target.port, this.#target.host)
    const link = { client, upstream }
    this.#links.add(link)
    const end = () => {
      client.destroy()
      upstream.destroy()
      this.#links.delete(link)
    }
    for (const socket of [client, upstream]) socket.setNoDelay(true).on('error', end).on('close', end)
    let isAsked = false
    upstream.on('data', (chunk) => {
      isAsked = false
      client.write(chunk)
    })
    client.on('data', (chunk) => {
      if (!isAsked) this.#turns++
      isAsked = true
      this.#pass(link, chunk)
    })
    if (this.#isStalled) for (const socket of [client, upstream]) socket.pause()
  }

  #pass({ client, upstream }: Link, chunk: Buffer): void {
    const pattern = this.#pattern
    if (pattern === undefined || !pattern.sent.test(chunk.toString('latin1'))) return void upstream.write(chunk)
    this.#pattern = undefined
    client.destroy()
    if (!pattern.passOn) return void upstream.destroy()
    upstream.removeAllListeners('close')
    upstream.end(chunk)
  }
}

function listening(port: number): Promise<Server> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(port, '127.0.0.1', () => resolve(server))
  })
}

import type { MysqlClient } from './mysql-client.ts'

/** What mysql2 hands to the command that awaits it; nothing where a command is to begin. */
interface Packet {
  isError(): boolean
  asError(encoding: string): Error
}

/** What is needed of mysql2's connection beyond what it describes. */
interface AheadClient extends MysqlClient {
  /** The number that the next packet must have. */
  sequenceId: number
  write(bytes: Buffer): void
  handlePacket(packet?: Packet): void
}

/** A command that was sent ahead of a statement. */
export interface SentAhead {
  /** Why the server refused it; undefined while it is not answered, and where all is well. */
  readonly error: unknown
}

/** Whether this version of mysql2 lets a command be sent ahead. Without compression, which would number packets in another way. */
export function canSendAhead(client: MysqlClient): boolean {
  const { sequenceId, write, handlePacket, config } = client as Partial<AheadClient> & {
    readonly config?: { readonly compress?: unknown }
  }
  const isKnown = typeof sequenceId === 'number' && typeof write === 'function' && typeof handlePacket === 'function'
  return isKnown && !config?.compress
}

/**
 * Sends a command that returns no rows and, in the same packet, the statement that `follow` sends, without waiting in between: mysql2
 * itself sends one at a time. The server answers in order, so the next packet that comes is the command's answer; it is taken out before
 * mysql2 sees it. Only for a connection on which nothing is under way.
 */
export function sendAhead<T>(client: MysqlClient, sql: string, follow: () => T): { sent: SentAhead; following: T } {
  const inner = client as AheadClient
  const sent = { error: undefined as unknown }
  const { handlePacket } = inner
  client.stream.cork()
  try {
    inner.write(queryPacket(sql))
    inner.handlePacket = (packet) => {
      if (packet === undefined) return handlePacket.call(inner)
      // Put back, not deleted: that would make a slow object of the connection.
      inner.handlePacket = handlePacket
      if (packet.isError()) sent.error = Object.assign(packet.asError('utf8'), { sql })
      // The statement's answer is numbered anew.
      inner.sequenceId = 1
    }
    return { sent, following: follow() }
  } finally {
    client.stream.uncork()
  }
}

const packets = new Map<string, Buffer>()

/** COM_QUERY: three bytes of length, the number zero, the command's byte, and the text. */
function queryPacket(sql: string): Buffer {
  let packet = packets.get(sql)
  if (packet === undefined) {
    const text = Buffer.from(`    \x03${sql}`)
    text.writeUInt32LE(text.length - 4)
    packet = text
    packets.set(sql, packet)
  }
  return packet
}

import { mkdtempSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort, giveTo, type LocalServer, startServer, unprivilegedAccount } from './local-server.ts'
import { connectPostgres } from './postgres.ts'

/** Starts a PgBouncer in transaction mode in front of a server, which it uses by so many connections at most. */
export async function startPgBouncer(
  program: string,
  folder: string,
  server: string,
  connections: number,
): Promise<{ readonly url: string; readonly bouncer: LocalServer }> {
  const account = unprivilegedAccount('postgres', 'nobody')
  const place = mkdtempSync(join(folder, 'pgbouncer-'))
  const port = await freePort()
  const { hostname, port: serverPort, username, password } = new URL(server)
  const settings = join(place, 'pgbouncer.ini')
  const secret = password === '' ? '' : ` password=${decodeURIComponent(password)}`
  writeFileSync(
    settings,
    [
      '[databases]',
      `* = host=${hostname} port=${serverPort || '5432'} user=${decodeURIComponent(username) || 'postgres'}${secret}`,
      '[pgbouncer]',
      'listen_addr = 127.0.0.1',
      `listen_port = ${port}`,
      'unix_socket_dir =',
      'auth_type = any',
      'pool_mode = transaction',
      `default_pool_size = ${connections}`,
      'max_client_conn = 100',
      'server_idle_timeout = 2',
    ].join('\n'),
  )
  for (const path of [place, settings]) giveTo(account, path)
  const url = `postgresql://postgres@127.0.0.1:${port}`
  const bouncer = await startServer(program, [settings], {
    port,
    account,
    stopSignal: 'SIGINT',
    answers: async () => (await connectPostgres(url)).end(),
  })
  return { url, bouncer }
}

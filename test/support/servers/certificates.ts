import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { giveTo, runProgram, unprivilegedAccount } from './local-server.ts'

/** The files of an authority, and of a server's certificate by it. */
export interface Certificates {
  readonly ca: string
  readonly cert: string
  readonly key: string
}

/** Makes an authority and a certificate for the host `localhost` by it, with openssl. The key is the server's account's alone. */
export async function makeCertificates(folder: string, account: string): Promise<Certificates> {
  const place = join(folder, `certificates-${account}`)
  mkdirSync(place, { mode: 0o755 })
  const file = (name: string) => join(place, name)
  const openssl = (...args: string[]) => runProgram('openssl', args)
  const key = ['-newkey', 'rsa:2048', '-nodes']
  await openssl(
    'req',
    '-x509',
    ...key,
    '-keyout',
    file('ca.key'),
    '-out',
    file('ca.crt'),
    '-days',
    '2',
    '-subj',
    '/CN=heddle tests',
  )
  await openssl('req', ...key, '-keyout', file('server.key'), '-out', file('server.csr'), '-subj', '/CN=localhost')
  writeFileSync(file('names'), 'subjectAltName=DNS:localhost\n')
  await openssl(
    ...['x509', '-req', '-in', file('server.csr'), '-CA', file('ca.crt'), '-CAkey', file('ca.key'), '-CAcreateserial'],
    ...['-out', file('server.crt'), '-days', '2', '-extfile', file('names')],
  )
  chmodSync(file('server.key'), 0o600)
  giveTo(unprivilegedAccount(account, 'nobody'), file('server.key'))
  return { ca: file('ca.crt'), cert: file('server.crt'), key: file('server.key') }
}

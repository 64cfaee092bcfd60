import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createEngine, OperationalError, sql } from '../../src/index.ts'
import { type Certificates, makeCertificates } from '../support/servers/certificates.ts'
import { findProgram, type LocalServer, type PreparedServer } from '../support/servers/local-server.ts'
import { prepareMysql } from '../support/servers/mysql.ts'
import { prepareEmbedded } from '../support/servers/postgres.ts'

const folder = mkdtempSync(join(tmpdir(), 'heddle-tls-'))
chmodSync(folder, 0o711)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

interface Product {
  readonly name: string
  readonly account: string
  readonly database: string
  readonly prepare: (certificates: Certificates) => Promise<PreparedServer>
  /** Tells the cipher, or that there is none. */
  readonly cipher: string
}

const products: Product[] = [
  {
    name: 'postgres',
    account: 'postgres',
    database: 'postgres',
    prepare: ({ cert, key }) => prepareEmbedded(folder, ['ssl=on', `ssl_cert_file=${cert}`, `ssl_key_file=${key}`]),
    cipher: `select coalesce(cipher, '') as cipher from pg_stat_ssl where pid = pg_backend_pid()`,
  },
]
const program = findProgram('mariadbd', 'mysqld')
if (program !== undefined) {
  products.push({
    name: 'mariadb',
    account: 'mysql',
    database: 'mysql',
    prepare: ({ ca, cert, key }) =>
      prepareMysql(program, folder, [`--ssl-ca=${ca}`, `--ssl-cert=${cert}`, `--ssl-key=${key}`]),
    cipher: `select variable_value as cipher from information_schema.session_status where variable_name = 'ssl_cipher'`,
  })
}

for (const product of products) {
  describe(`TLS to ${product.name}`, () => {
    let server: LocalServer
    let url: URL
    let ca: string

    beforeAll(async () => {
      const certificates = await makeCertificates(folder, product.account)
      ca = certificates.ca
      const prepared = await product.prepare(certificates)
      server = await prepared.start()
      url = new URL(`${prepared.url}/${product.database}`)
    })
    afterAll(() => server?.stop())

    /** The cipher that a connection to the host by these parameters has; '' for none. */
    async function cipher(host: string, query: string): Promise<string> {
      const target = new URL(url)
      target.hostname = host
      await using engine = createEngine(`${target.href}?${query}`)
      return await engine.begin(async (connection) =>
        String((await connection.execute(sql.raw<{ cipher: string }>(product.cipher))).rows[0]?.cipher),
      )
    }

    it('is there where the URL requires or prefers it, and not where it is disabled', async () => {
      expect(await cipher('127.0.0.1', 'sslmode=require')).not.toBe('')
      expect(await cipher('127.0.0.1', 'sslmode=prefer')).not.toBe('')
      expect(await cipher('127.0.0.1', 'sslmode=no-verify')).not.toBe('')
      expect(await cipher('127.0.0.1', 'sslmode=disable')).toBe('')
    })

    it('checks the authority where the URL names one, and the name of the host for verify-full', async () => {
      const root = `sslrootcert=${encodeURIComponent(ca)}`
      expect(await cipher('localhost', `sslmode=verify-full&${root}`)).not.toBe('')
      expect(await cipher('127.0.0.1', `sslmode=verify-ca&${root}`)).not.toBe('')
      expect(await cipher('127.0.0.1', `sslmode=require&${root}`)).not.toBe('')
      // PostgreSQL's driver finds that the name is another one; MySQL's cannot check an address, and is not asked to.
      await expect(cipher('127.0.0.1', `sslmode=verify-full&${root}`)).rejects.toThrow(/certificate/)
    })

    it('refuses a certificate of an unknown authority, also for ssl=true alone', async () => {
      for (const query of ['sslmode=verify-full', 'sslmode=verify-ca', 'ssl=true']) {
        await expect(cipher('localhost', query)).rejects.toThrow(OperationalError)
      }
    })

    it('takes options of TLS as connectArgs too', async () => {
      const ssl = { rejectUnauthorized: true }
      await using engine = createEngine(url.href, { connectArgs: { ssl } })
      await expect(engine.connect()).rejects.toThrow(/certificate/)
    })
  })
}

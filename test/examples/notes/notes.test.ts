import { once } from 'node:events'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openExpress } from '../../../examples/notes/express.ts'
import { openFastify } from '../../../examples/notes/fastify.ts'
import { openHono } from '../../../examples/notes/hono.ts'
import { openKoa } from '../../../examples/notes/koa.ts'
import { engine, Session, writeNote } from '../../../examples/notes/notes.ts'
import { recordStatements, rollbackPerTest } from '../../../src/testing/index.ts'

afterAll(() => engine.dispose())

describe.each([
  ['Fastify', openFastify],
  ['Express', openExpress],
  ['Koa', openKoa],
  ['Hono', openHono],
])('the service over %s', (_name, open) => {
  let server: Server
  let url: string
  beforeAll(async () => {
    server = await open()
    await once(server.listen(0, '127.0.0.1'), 'listening')
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/notes`
  })
  afterAll(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  rollbackPerTest(engine)

  const post = (title: string, body: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ title, body }),
    })
  const read = async (title: string) => (await fetch(`${url}/${title}`)).json()

  it('writes and reads notes, and counts the reads', async () => {
    expect((await post('a', 'first')).status).toBe(201)
    expect(await read('a')).toMatchObject({ title: 'a', body: 'first', reads: 1 })
    expect(await read('a')).toMatchObject({ reads: 2 })
  })

  it('has nothing of the test before, and says what is not there', async () => {
    const response = await fetch(`${url}/a`)
    expect([response.status, await response.json()]).toEqual([404, { error: 'there is no such note' }])
  })

  it('refuses a title that is taken', async () => {
    await Session.begin(() => writeNote('a', 'of the test'))
    const response = await post('a', 'second')
    expect([response.status, await response.json()]).toEqual([
      409,
      { error: 'there is a note with this title already' },
    ])
    expect(await read('a')).toMatchObject({ body: 'of the test' })
  })

  it('moves a body, or nothing', async () => {
    await Session.begin(() => Promise.all([writeNote('a', 'of a'), writeNote('b', 'of b, ')]))
    expect((await fetch(`${url}/a/move/c`, { method: 'POST' })).status).toBe(404)
    expect((await fetch(`${url}/a/move/b`, { method: 'POST' })).status).toBe(204)
    expect(await read('b')).toMatchObject({ body: 'of b, of a' })
    expect((await fetch(`${url}/a`)).status).toBe(404)
  })

  it('streams all notes by one statement', async () => {
    await Session.begin(() => Promise.all(['c', 'a', 'b'].map((title) => writeNote(title, ''))))
    using statements = recordStatements(engine)
    expect(await (await fetch(url)).text()).toBe('a 0\nb 0\nc 0\n')
    statements.expectExactly(/^select .* from notes order by/)
  })
})

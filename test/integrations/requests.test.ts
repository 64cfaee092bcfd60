import { request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import { onEvery, type TestDatabase } from '../support/index.ts'
import { openExpress } from './apps/express.ts'
import { openFastify } from './apps/fastify.ts'
import { openHono } from './apps/hono.ts'
import { openKoa } from './apps/koa.ts'
import { openNest } from './apps/nestjs.ts'
import { type OpenApp, type Running, run, until } from './world.ts'

/** Each framework, and what it can do beyond what all can. */
const frameworks: readonly (readonly [name: string, open: OpenApp, can: readonly string[]])[] = [
  ['Fastify', openFastify, ['uploads', 'answers errors', 'by hand']],
  ['Express', openExpress, ['uploads', 'answers errors', 'by hand']],
  ['Koa', openKoa, ['by hand']],
  ['Hono', openHono, ['uploads', 'answers errors', 'by hand']],
  ['NestJS', openNest, ['answers errors']],
]

const post = (app: Running, path: string, init: RequestInit = {}) =>
  fetch(`${app.url}${path}`, { method: 'POST', ...init })

/** The status and the whole body: rejects where the answer breaks off. */
async function answerOf(response: Response): Promise<[number, string]> {
  return [response.status, await response.text()]
}

/** Nobody holds a connection, and what is stored is what was answered. */
async function expectStored(app: Running, ...texts: string[]): Promise<void> {
  expect(app.world.out, 'connections out').toBe(0)
  expect((await app.world.stored()).sort()).toEqual(texts.sort())
}

describe.each(frameworks)('%s', (_name, open, can) => {
  onEvery({ on: ['sqlite', 'postgres'] }, (db) => {
    normalAnswers(open, db)
    streams(open, db)
    clientsThatGo(open, db)
    manyAtOnce(open, db)
    if (can.includes('by hand')) {
      it('by hand: commits what the handler commits', async () => {
        const app = await run(open, db)
        expect((await answerOf(await post(app, '/manual?text=a')))[0]).toBe(200)
        expect((await answerOf(await post(app, '/manual?text=b&commit=yes')))[0]).toBe(200)
        await expectStored(app, 'b')
      })
    }
    if (can.includes('uploads')) {
      it('uploads: a body parser does not lose the scope', async () => {
        const app = await run(open, db)
        const body = new FormData()
        body.append('file', new Blob(['x'.repeat(200_000)]), 'a.txt')
        expect((await post(app, '/upload', { body })).status).toBe(201)
        await expectStored(app, 'a.txt')
      })
    }
    if (can.includes('answers errors')) {
      it('error answered: a thrown error rolls back, also where it is answered with a success', async () => {
        const app = await run(open, db)
        expect((await answerOf(await post(app, '/answered')))[0]).toBe(200)
        await expectStored(app)
      })
    }
  })
})

function normalAnswers(open: OpenApp, db: TestDatabase): void {
  it('success: is answered when it is stored', async () => {
    const app = await run(open, db)
    const response = await post(app, '/note?text=a')
    expect(await app.world.stored(), 'at the head').toEqual(['a'])
    expect(await answerOf(response)).toEqual([201, '{"ok":true}'])
    await expectStored(app, 'a')
  })

  it('thrown error: is rolled back', async () => {
    const app = await run(open, db)
    expect(await answerOf(await post(app, '/throws?text=a'))).toEqual([500, '{"error":"the handler has failed"}'])
    await expectStored(app)
  })

  it('error response: is rolled back', async () => {
    const app = await run(open, db)
    expect(await answerOf(await post(app, '/error?text=a'))).toEqual([422, '{"ok":false}'])
    await expectStored(app)
  })

  it('failing commit: is an error response and never a success', async () => {
    const app = await run(open, db)
    await answerOf(await post(app, '/note?text=a'))
    const refused = await answerOf(await post(app, '/note?text=refused'))
    expect(refused).toEqual([500, '{"error":"the commit is refused"}'])
    const [status, body] = await answerOf(await post(app, '/note?text=a'))
    expect([status, /unique/i.test(body)], body).toEqual([500, true])
    await expectStored(app, 'a')
  })
}

function streams(open: OpenApp, db: TestDatabase): void {
  it('streamed body: stored at the head, and the scope lasts until the last chunk', async () => {
    const app = await run(open, db)
    const response = await fetch(`${app.url}/stream?text=a&count=60`)
    expect(await app.world.stored(), 'at the head').toContain('a')
    const [status, body] = await answerOf(response)
    expect([status, body.split('\n').length, body.startsWith('0 1 x')]).toEqual([200, 61, true])
    expect(app.world.ended).toEqual(['stream'])
    await expectStored(app, 'a', 'streamed 60')
  })

  it('streamed body whose commit fails at the head: is no success', async () => {
    const app = await run(open, db)
    const answer = await fetch(`${app.url}/stream?text=refused&count=60`)
      .then(answerOf)
      .catch(() => 'broken off')
    expect(Array.isArray(answer) && answer[0] < 400, String(answer).slice(0, 100)).toBe(false)
    await until(() => app.world.out === 0)
    await expectStored(app)
  })

  it('stream that fails: breaks off, and nothing later is stored', async () => {
    const app = await run(open, db)
    const response = await fetch(`${app.url}/stream?text=a&count=60&fail=yes`)
    await expect(answerOf(response)).rejects.toThrow()
    await until(() => app.world.out === 0)
    await expectStored(app, 'a')
  })
}

function clientsThatGo(open: OpenApp, db: TestDatabase): void {
  it('client aborts a slow handler: the statement is cancelled, the handler ends, nothing is stored', async () => {
    const app = await run(open, db)
    const client = new AbortController()
    const answer = post(app, '/slow?text=a', { signal: client.signal })
    await app.world.started
    client.abort()
    await expect(answer).rejects.toThrow()
    await until(() => app.world.out === 0)
    expect(app.world.out, 'connections out, with the handler still there').toBe(0)
    app.world.goOn()
    await until(() => app.world.ended.length > 0)
    expect(app.world.ended).toHaveLength(1)
    expect(app.world.ended[0]).toMatch(/SessionClosedError|StatementTimeoutError|AbortError|OperationalError/)
    await expectStored(app)
  })

  it('client aborts a stream: the source ends, and its transaction is rolled back', async () => {
    const app = await run(open, db)
    const client = new AbortController()
    const response = await fetch(`${app.url}/stream?text=a&count=100000`, { signal: client.signal })
    await response.body?.getReader().read()
    client.abort()
    await until(() => app.world.ended.length > 0 && app.world.out === 0)
    expect(app.world.ended).toEqual(['stream'])
    await expectStored(app, 'a')
  })
}

function manyAtOnce(open: OpenApp, db: TestDatabase): void {
  it('pipelined requests: a scope each, answered in order', async () => {
    const app = await run(open, db)
    const paths = ['/note?text=a', '/throws?text=b', '/note?text=c', '/error?text=d', '/note?text=e']
    const statuses = await pipelined(app, paths)
    expect(statuses).toEqual([201, 500, 201, 422, 201])
    await expectStored(app, 'a', 'c', 'e')
  })

  it('500 at once: answered = stored, over a pool of 5', async () => {
    const app = await run(open, db)
    const kinds = ['/note', '/note', '/note', '/throws', '/error']
    const outcomes = await Promise.all(
      Array.from({ length: 500 }, (_, n) => postOnce(app, `${kinds[n % kinds.length]}?text=n${n}`, n % 50 === 7)),
    )
    const answered = outcomes.flatMap((status, n) => (status === 201 ? [`n${n}`] : []))
    await until(() => app.world.out === 0)
    const stored = await app.world.stored()
    // A client that has gone before its answer does not know; all others do.
    expect(answered.filter((text) => !stored.includes(text))).toEqual([])
    const unanswered = stored.filter((text) => !answered.includes(text))
    expect(unanswered.filter((text) => Number(text.slice(1)) % 50 !== 7)).toEqual([])
    expect(answered.length).toBeGreaterThanOrEqual(290)
    expect(app.world.out).toBe(0)
  })
}

/** One request on a connection of its own; with `goes` the client goes away soon. */
function postOnce({ port }: Running, path: string, goes: boolean): Promise<number | undefined> {
  return new Promise((resolve) => {
    const request = httpRequest({ port, host: '127.0.0.1', path, method: 'POST', agent: false }, (response) => {
      response
        .resume()
        .once('end', () => resolve(response.statusCode))
        .once('error', () => resolve(undefined))
    })
    request.once('error', () => resolve(undefined))
    request.end()
    if (goes) setTimeout(() => request.destroy(), 20)
  })
}

/** Sends all requests before the first answer, and gives the statuses in the order of the answers. */
async function pipelined({ port }: Running, paths: readonly string[]): Promise<number[]> {
  const socket = connect(port, '127.0.0.1')
  const texts = paths.map((path, n) => {
    const last = n === paths.length - 1 ? 'Connection: close\r\n' : ''
    return `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n${last}\r\n`
  })
  socket.write(texts.join(''))
  let answer = ''
  for await (const chunk of socket) answer += chunk
  return [...answer.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
}

import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { expect, it } from 'vitest'
import { heddle } from '../../src/integrations/express.ts'
import { onEvery } from '../support/index.ts'
import { type OpenApp, type Running, run, until } from './world.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => unknown

/** A server of Node alone: the middleware takes whatever calls it with a request, a response and what comes next. */
function app(makeHandler: (world: Running['world']) => Handler): OpenApp {
  return async (world) => {
    const scopes = heddle(world.Session)
    const handler = makeHandler(world)
    return createServer((request, response) => {
      let hasFailed = false
      scopes(request, response, async (error) => {
        if (error !== undefined && !hasFailed) {
          hasFailed = true
          response.setHeader('x-error', (error as Error).message)
          response.statusCode = 500
          response.end('failed')
        } else await handler(request, response)
      })
    })
  }
}

const get = ({ url }: Running, init?: RequestInit) => fetch(url, init)

onEvery({ on: ['sqlite', 'postgres'] }, (db) => {
  it('a head that is written by hand waits for the commit', async () => {
    const running = await run(
      app((world) => (_request, response) => {
        world.add('a')
        response.writeHead(201, { 'x-own': 'yes' })
        response.end('done')
      }),
      db,
    )
    const response = await get(running)
    expect([response.status, response.headers.get('x-own'), await response.text()]).toEqual([201, 'yes', 'done'])
    expect([running.world.out, await running.world.stored()]).toEqual([0, ['a']])
  })

  it('an answer whose commit fails is taken back, its headers too', async () => {
    const running = await run(
      app((world) => (_request, response) => {
        world.add('refused')
        response.setHeader('x-own', 'yes')
        response.writeHead(201, { 'content-length': '4' })
        response.write('do')
        response.write('ne')
        response.end()
      }),
      db,
    )
    const response = await get(running)
    expect([response.status, response.headers.get('x-own'), response.headers.get('x-error')]).toEqual([
      500,
      null,
      'the commit is refused',
    ])
    expect([await response.text(), running.world.out, await running.world.stored()]).toEqual(['failed', 0, []])
  })

  it('events that are sent as they come keep the scope, and break off where the last commit fails', async () => {
    const running = await run(
      app((world) => async (request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.flushHeaders()
        for (let event = 0; event < 3; event++) response.write(`data: ${await world.count()}\n\n`)
        world.add(request.headers['x-text'] as string)
        response.end('data: end\n\n')
      }),
      db,
    )
    const good = await get(running, { headers: { 'x-text': 'a' } })
    expect(await good.text()).toBe('data: 0\n\ndata: 0\n\ndata: 0\n\ndata: end\n\n')
    expect(running.world.out).toBe(0)
    const bad = await get(running, { headers: { 'x-text': 'refused' } })
    await expect(bad.text()).rejects.toThrow()
    await until(() => running.world.out === 0)
    expect([running.world.out, await running.world.stored()]).toEqual([0, ['a']])
  })

  it('an answer without a body is held as well', async () => {
    const running = await run(
      app((world) => (request, response) => {
        world.add(`${request.method}`)
        response.statusCode = request.method === 'HEAD' ? 200 : 204
        response.end()
      }),
      db,
    )
    for (const method of ['HEAD', 'DELETE']) await (await get(running, { method })).text()
    expect([running.world.out, (await running.world.stored()).sort()]).toEqual([0, ['DELETE', 'HEAD']])
  })

  it('a request that uses no session costs nothing and waits for nothing', async () => {
    const running = await run(
      app(() => (_request, response) => response.end('at once')),
      db,
    )
    const opened = running.world.engine.pool.status()
    expect(await (await get(running)).text()).toBe('at once')
    expect(running.world.engine.pool.status()).toEqual(opened)
  })

  it('code that has lost the scope is told so, and a second mounting continues it', async () => {
    const parked: (() => void)[] = []
    const pump = setInterval(() => {
      for (const call of parked.splice(0)) call()
    }, 5) // as a library does that queues its callbacks
    const running = await run(async (world) => {
      const scopes = heddle(world.Session)
      return createServer((request, response) => {
        scopes(request, response, (error) => {
          if (error !== undefined) throw error
          world.add('first')
          const goOn = () => {
            try {
              world.add('second')
              response.end('both')
            } catch (lost) {
              response.writeHead(500).end((lost as Error).message)
            }
          }
          parked.push(request.url === '/again' ? () => scopes(request, response, goOn) : goOn)
        })
      })
    }, db)
    try {
      expect(await (await get(running)).text()).toMatch(/lost the asynchronous context/)
      expect(await (await fetch(`${running.url}/again`)).text()).toBe('both')
      expect([running.world.out, (await running.world.stored()).sort()]).toEqual([0, ['first', 'second']])
    } finally {
      clearInterval(pump)
    }
  })

  it('a client that goes away while its commit is under way changes nothing about the commit', async () => {
    const running = await run(
      app((world) => (_request, response) => {
        world.add('a')
        response.end('done')
      }),
      db,
    )
    const committing = Promise.withResolvers<void>()
    const committed = Promise.withResolvers<void>()
    running.world.Session.on('beforeCommit', () => committing.resolve())
    running.world.Session.on('afterCommit', () => committed.resolve())
    const client = httpRequest(running.url).on('error', () => {})
    client.end()
    await committing.promise
    client.destroy()
    await committed.promise
    await until(() => running.world.out === 0)
    expect([running.world.out, await running.world.stored()]).toEqual([0, ['a']])
  })
})

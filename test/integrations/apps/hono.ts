import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { stream } from 'hono/streaming'
import { heddle } from '../../../src/integrations/hono.ts'
import type { OpenApp } from '../world.ts'

export const openHono: OpenApp = async (world) => {
  const app = new Hono()
  app.use(heddle(world.Session, { skip: (c) => c.req.path === '/manual' }))
  app.use('/manual', heddle(world.Session, { commit: 'manual' }))
  app.onError((error, c) => c.json({ error: error.message }, /200/.test(error.message) ? 200 : 500))
  app.post('/note', (c) => {
    world.add(String(c.req.query('text')))
    return c.json({ ok: true }, 201)
  })
  app.post('/throws', async (c) => {
    world.add(String(c.req.query('text')))
    await world.Session.flush()
    throw new Error('the handler has failed')
  })
  app.post('/error', async (c) => {
    world.add(String(c.req.query('text')))
    await world.Session.flush()
    return c.json({ ok: false }, 422)
  })
  app.post('/slow', async (c) => {
    await world.slow(String(c.req.query('text')))
    return c.json({ ok: true })
  })
  app.post('/manual', async (c) => {
    world.add(String(c.req.query('text')))
    if (c.req.query('commit') === 'yes') await world.Session.commit()
    return c.json({ ok: true })
  })
  app.get('/stream', (c) => {
    world.add(String(c.req.query('text')))
    const lines = world.lines(Number(c.req.query('count')), c.req.query('fail') === 'yes')
    const body = ReadableStream.from(lines).pipeThrough(new TextEncoderStream())
    // Hono's own helper ends a stream that has failed as if it were complete.
    return c.req.query('fail') === 'yes' ? c.body(body) : stream(c, (s) => s.pipe(body))
  })
  app.post('/upload', async (c) => {
    const body = await c.req.parseBody()
    const file = body['file']
    world.add(file instanceof File ? file.name : 'none')
    return c.json({ ok: true }, 201)
  })
  app.post('/answered', () => {
    world.add('answered')
    throw new Error('answered with 200')
  })
  return createAdaptorServer(app) as Server
}

import type { Server } from 'node:http'
import { createAdaptorServer } from '@hono/node-server'
import { Hono } from 'hono'
import { heddle } from '../../src/integrations/hono.ts' // in a program of your own: from 'heddle/hono'
import { answerTo, everyNote, moveBody, prepare, readNote, Session, writeNote } from './notes.ts'

/** The service over Hono; `node examples/notes/hono.ts` starts it. */
export async function openHono() {
  await prepare()
  const app = new Hono()
  app.use(heddle(Session))
  app.onError((error, c) => {
    const { status, message } = answerTo(error)
    return c.json({ error: message }, status)
  })
  app.post('/notes', async (c) => {
    const { title, body } = await c.req.json<{ title: string; body: string }>()
    return c.json({ id: (await writeNote(title, body)).id }, 201)
  })
  app.get('/notes/:title', async (c) => c.json(await readNote(c.req.param('title'))))
  app.post('/notes/:from/move/:to', async (c) => {
    await moveBody(c.req.param('from'), c.req.param('to'))
    return c.body(null, 204)
  })
  app.get('/notes', (c) => c.body(ReadableStream.from(everyNote()).pipeThrough(new TextEncoderStream())))
  return createAdaptorServer(app) as Server
}

if (process.argv[1] === import.meta.filename) (await openHono()).listen(3000, () => console.log('on port 3000'))

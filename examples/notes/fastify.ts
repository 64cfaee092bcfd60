import { Readable } from 'node:stream'
import fastify from 'fastify'
import { heddle } from '../../src/integrations/fastify.ts' // in a program of your own: from 'heddle/fastify'
import { answerTo, everyNote, moveBody, prepare, readNote, Session, writeNote } from './notes.ts'

/** The service over Fastify; `node examples/notes/fastify.ts` starts it. */
export async function openFastify() {
  await prepare()
  const app = fastify()
  await app.register(heddle, { session: Session })
  app.setErrorHandler((error, _request, reply) => {
    const { status, message } = answerTo(error)
    return reply.status(status).send({ error: message })
  })
  app.post<{ Body: { title: string; body: string } }>('/notes', async ({ body }, reply) => {
    const note = await writeNote(body.title, body.body)
    return reply.status(201).send({ id: note.id })
  })
  app.get<{ Params: { title: string } }>('/notes/:title', ({ params }) => readNote(params.title))
  app.post<{ Params: { from: string; to: string } }>('/notes/:from/move/:to', async ({ params }, reply) => {
    await moveBody(params.from, params.to)
    return reply.status(204).send()
  })
  app.get('/notes', (_request, reply) => reply.type('text/plain').send(Readable.from(everyNote())))
  await app.ready()
  return app.server
}

if (process.argv[1] === import.meta.filename) (await openFastify()).listen(3000, () => console.log('on port 3000'))

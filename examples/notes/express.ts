import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express, { type NextFunction, type Request, type Response } from 'express'
import { heddle } from '../../src/integrations/express.ts' // in a program of your own: from 'heddle/express'
import { answerTo, everyNote, moveBody, prepare, readNote, Session, writeNote } from './notes.ts'

/** The service over Express; `node examples/notes/express.ts` starts it. */
export async function openExpress() {
  await prepare()
  const app = express()
  app.use(express.json())
  app.use(heddle(Session))
  app.post('/notes', async ({ body }, response) => {
    const note = await writeNote(body.title, body.body)
    response.status(201).json({ id: note.id })
  })
  app.get('/notes/:title', async ({ params }, response) => {
    response.json(await readNote(params.title))
  })
  app.post('/notes/:from/move/:to', async ({ params }, response) => {
    await moveBody(params.from, params.to)
    response.status(204).end()
  })
  app.get('/notes', async (_request, response) => {
    await pipeline(Readable.from(everyNote()), response.type('text/plain'))
  })
  app.use((error: unknown, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) return next(error)
    const { status, message } = answerTo(error)
    response.status(status).json({ error: message })
  })
  return createServer(app)
}

if (process.argv[1] === import.meta.filename) (await openExpress()).listen(3000, () => console.log('on port 3000'))

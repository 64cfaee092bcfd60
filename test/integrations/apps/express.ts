import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import express, { type NextFunction, type Request, type Response } from 'express'
import multer from 'multer'
import { heddle } from '../../../src/integrations/express.ts'
import type { OpenApp } from '../world.ts'

export const openExpress: OpenApp = async (world) => {
  const app = express()
  const textOf = (request: Request) => String(request.query['text'])
  app.use('/manual', heddle(world.Session, { commit: 'manual' }))
  const scopes = heddle(world.Session)
  app.use((request, response, next) => (request.path.startsWith('/manual') ? next() : scopes(request, response, next)))
  app.post('/note', (request, response) => {
    world.add(textOf(request))
    response.status(201).json({ ok: true })
  })
  app.post('/throws', async (request) => {
    world.add(textOf(request))
    await world.Session.flush()
    throw new Error('the handler has failed')
  })
  app.post('/error', async (request, response) => {
    world.add(textOf(request))
    await world.Session.flush()
    response.status(422).json({ ok: false })
  })
  app.post('/slow', async (request, response) => {
    await world.slow(textOf(request))
    response.json({ ok: true })
  })
  app.post('/manual', async (request, response) => {
    world.add(textOf(request))
    if (request.query['commit'] === 'yes') await world.Session.commit()
    response.json({ ok: true })
  })
  app.get('/stream', async (request, response) => {
    world.add(textOf(request))
    const lines = world.lines(Number(request.query['count']), request.query['fail'] === 'yes')
    await pipeline(Readable.from(lines), response).catch(() => {})
  })
  app.post('/upload', multer({ storage: multer.memoryStorage() }).single('file'), async (request, response) => {
    world.add(request.file?.originalname ?? 'none')
    response.status(201).json({ ok: true })
  })
  app.post('/answered', () => {
    world.add('answered')
    throw new Error('answered with 200')
  })
  app.use(scopes.failed)
  app.use((error: Error, _request: Request, response: Response, next: NextFunction) => {
    if (response.headersSent) next(error)
    else response.status(/200/.test(error.message) ? 200 : 500).json({ error: error.message })
  })
  return createServer(app)
}

import { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import fastify from 'fastify'
import { heddle } from '../../../src/integrations/fastify.ts'
import type { OpenApp } from '../world.ts'

interface Given {
  Querystring: { text: string; commit?: string; count?: number; fail?: string }
}

export const openFastify: OpenApp = async (world) => {
  const app = fastify({ forceCloseConnections: true })
  await app.register(heddle, { session: world.Session })
  await app.register(multipart)
  app.setErrorHandler((error: Error, _request, reply) => {
    if (/200/.test(error.message)) return reply.status(200).send({ error: error.message })
    return reply.status(500).send({ error: error.message })
  })
  app.post<Given>('/note', async ({ query }, reply) => {
    world.add(query.text)
    return reply.status(201).send({ ok: true })
  })
  app.post<Given>('/throws', async ({ query }) => {
    world.add(query.text)
    await world.Session.flush()
    throw new Error('the handler has failed')
  })
  app.post<Given>('/error', async ({ query }, reply) => {
    world.add(query.text)
    await world.Session.flush()
    return reply.status(422).send({ ok: false })
  })
  app.post<Given>('/slow', async ({ query }) => {
    await world.slow(query.text)
    return { ok: true }
  })
  app.post<Given>('/manual', { config: { heddle: { commit: 'manual' } } }, async ({ query }) => {
    world.add(query.text)
    if (query.commit === 'yes') await world.Session.commit()
    return { ok: true }
  })
  app.get<Given>('/stream', async ({ query }, reply) => {
    world.add(query.text)
    return reply.type('text/plain').send(Readable.from(world.lines(Number(query.count), query.fail === 'yes')))
  })
  app.post('/upload', async (request, reply) => {
    const file = await request.file()
    await file?.toBuffer()
    world.add(file?.filename ?? 'none')
    return reply.status(201).send({ ok: true })
  })
  app.post('/answered', async () => {
    world.add('answered')
    throw new Error('answered with 200')
  })
  await app.listen({ port: 0, host: '127.0.0.1' })
  return app.server
}

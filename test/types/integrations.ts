/** The entries for frameworks, as programs use them with the types of the frameworks. */
import express, { type RequestHandler } from 'express'
import fastify from 'fastify'
import { Hono } from 'hono'
import Koa from 'koa'
import { type ScopedSession, scopedSession, sessionmaker, withSession } from '../../src/index.ts'
import { heddle as forExpress } from '../../src/integrations/express.ts'
import fastifyPlugin, { heddle as forFastify } from '../../src/integrations/fastify.ts'
import { heddle as forHono } from '../../src/integrations/hono.ts'
import { heddle as forKoa } from '../../src/integrations/koa.ts'
import { HeddleModule, Transactional } from '../../src/integrations/nestjs.ts'

const Session: ScopedSession = scopedSession(sessionmaker())

const middleware: RequestHandler = forExpress(Session, { commit: 'manual', skip: (request) => request.url === '/' })
express().use(middleware, forExpress(Session).failed)

const app = fastify()
await app.register(forFastify, { session: Session, label: (request) => request.routeOptions.url ?? request.url })
await app.register(fastifyPlugin, { session: Session })
app.get('/a', { config: { heddle: false } }, () => 1)
app.get('/b', { config: { heddle: { commit: 'manual', options: { readOnly: true } } } }, () => 1)
// @ts-expect-error the registry is needed
app.register(forFastify, {})
// @ts-expect-error there is no such way to commit
app.get('/c', { config: { heddle: { commit: 'never' } } }, () => 1)

new Koa().use(forKoa(Session, { isSuccess: (status) => status < 300 }))
new Hono().use(forHono(Session, { skip: (c) => c.req.path === '/' }))
HeddleModule.forRoot({ session: Session, requests: false })

const handler = withSession(Session, async (request: Request, id: number) => ({ url: request.url, id }))
const answer: { url: string; id: number } = await handler(new Request('http://localhost/'), 1)
// @ts-expect-error the handler's arguments are kept
await handler(new Request('http://localhost/'))
withSession(Session, async (id: number) => ({ ok: id > 0 }), { isFailure: (result) => !result.ok })

/** A method as the standard decorators see it; those of `experimentalDecorators` get a descriptor. */
class Accounts {
  @Transactional(Session, { propagation: 'nested' })
  async transfer(from: number, to: number): Promise<number> {
    return from + to
  }
}
const sum: number = await new Accounts().transfer(1, 2)

export { answer, sum }

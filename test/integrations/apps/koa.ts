import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import Koa from 'koa'
import { heddle } from '../../../src/integrations/koa.ts'
import type { OpenApp } from '../world.ts'

export const openKoa: OpenApp = async (world) => {
  const app = new Koa({ asyncLocalStorage: false })
  app.silent = true
  const isManual = ({ path }: { readonly path: string }) => path === '/manual'
  app.use(async (context, next) => {
    try {
      await next()
    } catch (error) {
      context.status = 500
      context.body = { error: (error as Error).message }
    }
  })
  app.use(heddle(world.Session, { skip: (context) => isManual({ path: context.originalUrl.split('?')[0] ?? '' }) }))
  const manual = heddle(world.Session, { commit: 'manual' })
  app.use((context, next) => (isManual(context) ? manual(context, next) : next()))
  app.use(async (context) => {
    const { query, path } = context
    const text = String(query['text'])
    switch (`${context.method} ${path}`) {
      case 'POST /note':
        world.add(text)
        context.status = 201
        context.body = { ok: true }
        return
      case 'POST /throws':
        world.add(text)
        await world.Session.flush()
        throw new Error('the handler has failed')
      case 'POST /error':
        world.add(text)
        await world.Session.flush()
        context.status = 422
        context.body = { ok: false }
        return
      case 'POST /slow':
        await world.slow(text)
        context.body = { ok: true }
        return
      case 'POST /manual':
        world.add(text)
        if (query['commit'] === 'yes') await world.Session.commit()
        context.body = { ok: true }
        return
      case 'GET /stream':
        world.add(text)
        context.type = 'text/plain'
        context.body = Readable.from(world.lines(Number(query['count']), query['fail'] === 'yes'))
        return
    }
  })
  return createServer(app.callback())
}

import { createServer } from 'node:http'
import { Readable } from 'node:stream'
import { json } from 'node:stream/consumers'
import Koa from 'koa'
import { heddle } from '../../src/integrations/koa.ts' // in a program of your own: from 'heddle/koa'
import { answerTo, everyNote, moveBody, prepare, readNote, Session, writeNote } from './notes.ts'

/** The service over Koa, without a router; `node examples/notes/koa.ts` starts it. */
export async function openKoa() {
  await prepare()
  const app = new Koa()
  app.use(async (context, next) => {
    try {
      await next()
    } catch (error) {
      const { status, message } = answerTo(error)
      context.status = status
      context.body = { error: message }
    }
  })
  app.use(heddle(Session))
  app.use(async (context) => {
    const [, , title = '', verb, other = ''] = context.path.split('/').map(decodeURIComponent)
    const isPost = context.method === 'POST'
    if (verb === 'move' && isPost) {
      await moveBody(title, other)
      context.status = 204
    } else if (isPost) {
      const body = (await json(context.req)) as { title: string; body: string }
      context.status = 201
      context.body = { id: (await writeNote(body.title, body.body)).id }
    } else {
      context.type = title === '' ? 'text/plain' : 'json'
      context.body = title === '' ? Readable.from(everyNote()) : await readNote(title)
    }
  })
  return createServer(app.callback())
}

if (process.argv[1] === import.meta.filename) (await openKoa()).listen(3000, () => console.log('on port 3000'))

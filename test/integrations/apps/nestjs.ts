import 'reflect-metadata'
import type { Server } from 'node:http'
import { Readable } from 'node:stream'
import {
  type ArgumentsHost,
  Catch,
  Controller,
  type ExceptionFilter,
  Get,
  HttpCode,
  Module,
  Post,
  Query,
  StreamableFile,
} from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { HeddleModule, Transactional } from '../../../src/integrations/nestjs.ts'
import type { OpenApp, World } from '../world.ts'

/** What TypeScript makes of decorators, for a project without them. */
function decorate(target: { prototype: object }, name: string, ...decorators: MethodDecorator[]): void {
  const descriptor = Object.getOwnPropertyDescriptor(target.prototype, name) as PropertyDescriptor
  for (const decorator of decorators) decorator(target.prototype, name, descriptor)
  Object.defineProperty(target.prototype, name, descriptor)
  Query()(target.prototype, name, 0)
}

type Given = Readonly<Record<string, string>>

function controllerOf(world: World) {
  class Notes {
    async note({ text = '' }: Given) {
      world.add(text)
      return { ok: true }
    }
    async throws({ text = '' }: Given) {
      world.add(text)
      await world.Session.flush()
      throw new Error('the handler has failed')
    }
    async error({ text = '' }: Given) {
      world.add(text)
      await world.Session.flush()
      return { ok: false }
    }
    async slow({ text = '' }: Given) {
      await world.slow(text)
      return { ok: true }
    }
    async stream({ text = '', count, fail }: Given) {
      world.add(text)
      return new StreamableFile(Readable.from(world.lines(Number(count), fail === 'yes')), { type: 'text/plain' })
    }
    async answered() {
      world.add('answered')
      throw new Error('answered with 200')
    }
  }
  decorate(Notes, 'note', Post('note'), Transactional(world.Session) as MethodDecorator)
  decorate(Notes, 'throws', Post('throws'), Transactional(world.Session) as MethodDecorator)
  decorate(Notes, 'error', Post('error'), HttpCode(422))
  decorate(Notes, 'slow', Post('slow'))
  decorate(Notes, 'stream', Get('stream'))
  decorate(Notes, 'answered', Post('answered'))
  Controller()(Notes)
  return Notes
}

class ErrorsAsJson implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    const response = host.switchToHttp().getResponse()
    if (response.headersSent) return response.destroy()
    response.status(/200/.test(error.message) ? 200 : 500).json({ error: error.message })
  }
}
Catch()(ErrorsAsJson)

export const openNest: OpenApp = async (world) => {
  class App {}
  Module({ imports: [HeddleModule.forRoot({ session: world.Session })], controllers: [controllerOf(world)] })(App)
  const app = await NestFactory.create(App, { logger: false, abortOnError: false })
  app.useGlobalFilters(new ErrorsAsJson())
  await app.init()
  return app.getHttpServer() as Server
}

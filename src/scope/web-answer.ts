import { nextTurn } from '../support/index.ts'

/** What the answer of a scope needs of it. */
export interface AnsweringScope {
  readonly commits: boolean
  readonly hasChanges: boolean
  readonly hasEnded: boolean
  run<T>(work: () => T): T
  commit(options?: { readonly wait?: boolean }): Promise<void>
  end(why?: string): Promise<void>
  cancel(reason: unknown): Promise<void>
}

type Reader = ReadableStreamDefaultReader<Uint8Array>

/**
 * Ends a scope with a web Response. The head can be sent when this resolves, so what was written is committed by then. The body decides how
 * long the scope lasts: one that is all there ends it at once.
 */
export async function settleWith(scope: AnsweringScope, response: Response, isSuccess: boolean): Promise<Response> {
  try {
    if (!isSuccess) await scope.end('its response is an error')
    else if (response.body === null || response.bodyUsed) await commitAndEnd(scope)
    else return await settleWithBody(scope, response, response.body)
  } catch (error) {
    await scope.end('its commit failed').catch(() => {})
    throw error
  }
  return response
}

/** Commits what is left, where that is not done by hand, and ends the scope. */
export async function commitAndEnd(scope: AnsweringScope): Promise<void> {
  if (scope.commits) await scope.commit()
  await scope.end('its response is complete')
}

async function settleWithBody(scope: AnsweringScope, response: Response, body: ReadableStream): Promise<Response> {
  if (scope.commits && scope.hasChanges) await scope.commit({ wait: true })
  const reader: Reader = body.getReader()
  const { chunks, rest } = await readAhead(scope, reader)
  if (rest === undefined) {
    await commitAndEnd(scope)
    return new Response(Buffer.concat(chunks), response)
  }
  return new Response(following(scope, reader, chunks, rest), response)
}

/**
 * Reads what is there without waiting: texts and bytes come in one chunk and then end, so that nothing has to follow them. `rest` is the
 * read that has not been answered yet.
 */
async function readAhead(scope: AnsweringScope, reader: Reader) {
  const chunks: Uint8Array[] = []
  for (let reads = 0; reads < 2; reads++) {
    const read = scope.run(() => reader.read())
    read.catch(() => {})
    const result = await Promise.race([read, nextTurn()])
    if (result === undefined) return { chunks, rest: read }
    if (result.done) return { chunks, rest: undefined }
    chunks.push(result.value)
  }
  return { chunks, rest: scope.run(() => reader.read()) }
}

/** The same chunks; the end waits for the end of the scope, so that who has read the last chunk can rely on what was done. */
function following(
  scope: AnsweringScope,
  reader: Reader,
  chunks: Uint8Array[],
  first: ReturnType<Reader['read']>,
): ReadableStream<Uint8Array> {
  let next: ReturnType<Reader['read']> | undefined = first
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    const ready = chunks.shift()
    if (ready !== undefined) return controller.enqueue(ready)
    const { done, value } = await (next ?? scope.run(() => reader.read()))
    next = undefined
    if (!done) return controller.enqueue(value)
    await commitAndEnd(scope)
    controller.close()
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          await pull(controller)
        } catch (error) {
          await scope.end('its response failed').catch(() => {})
          throw error
        }
      },
      async cancel(reason) {
        const giveUp = scope.cancel(reason ?? new DOMException('The client has gone', 'AbortError'))
        await scope.run(() => reader.cancel(reason)).catch(() => {})
        await giveUp
      },
    },
    { highWaterMark: 0 },
  )
}

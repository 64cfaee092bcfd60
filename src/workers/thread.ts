/** What runs in each thread of a pool. Loaded by Piscina, not by programs. */

import { BroadcastChannel, type MessagePort, receiveMessageOnPort, threadId, workerData } from 'node:worker_threads'
import { ArgumentError, disposeAllEngines } from '../index.ts'
import type { Answer, Assignment, EndMessage, StopRequest, ThreadSetting } from './messages.ts'
import { packError, unpackError } from './packed-error.ts'
import { refuseUnsendable, uncloneable } from './sendable.ts'
import { isThreadWorker, RUN, type ThreadWorker } from './thread-worker.ts'

const ends = new BroadcastChannel((workerData as ThreadSetting).channel)
ends.unref()
ends.onmessage = (event: { readonly data?: unknown }) => {
  if ((event.data as EndMessage) === 'end') void end()
}

/** Closes what the thread has open, so that the server need not find out by itself. */
async function end(): Promise<void> {
  const failure = await disposeAllEngines().then(() => undefined, packError)
  const message: EndMessage = { ended: threadId, ...(failure !== undefined && { failure }) }
  ends.postMessage(message)
}

/** Works on one item, and answers. */
export default async function workOn({ url, name, item, index, port }: Assignment): Promise<void> {
  const stop = listenForStop(port)
  try {
    stop.signal.throwIfAborted()
    const worker = await workerAt(url, name)
    const result = await worker[RUN](item, { index, signal: stop.signal })
    sendResult(port, result, ` as the result of '${name}' for item ${index}`)
  } catch (thrown) {
    answer(port, { failure: packError(thrown) })
  } finally {
    port.close()
  }
}

function answer(port: MessagePort, message: Answer): void {
  port.postMessage(message)
}

function sendResult(port: MessagePort, result: unknown, purpose: string): void {
  refuseUnsendable(result, 'result', purpose)
  try {
    answer(port, { result })
  } catch (error) {
    throw uncloneable(error, 'result', purpose)
  }
}

/** A request may have come before the item was begun. */
function listenForStop(port: MessagePort): AbortController {
  const controller = new AbortController()
  const onMessage = ({ stop }: StopRequest) => controller.abort(unpackError(stop, []))
  const early = receiveMessageOnPort(port) as { readonly message: StopRequest } | undefined
  if (early !== undefined) onMessage(early.message)
  port.on('message', onMessage)
  return controller
}

async function workerAt(url: string, name: string): Promise<ThreadWorker<unknown>> {
  const module = (await import(url)) as Readonly<Record<string, unknown>>
  const found = module[name]
  if (isThreadWorker(found)) return found
  const workers = Object.keys(module).filter((each) => isThreadWorker(module[each]))
  const known = workers.length === 0 ? 'none' : workers.map((each) => `'${each}'`).join(', ')
  const what = name in module ? `its export '${name}' was not made by threadWorker()` : `it has no export '${name}'`
  throw new ArgumentError(
    `The worker module ${url} cannot be called so: ${what}. What it exports and can be called: ${known}.`,
  )
}

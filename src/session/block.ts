import { InvalidRequestError } from '../errors.ts'
import { attachSuppressed } from '../support/index.ts'
import type { SessionCore } from './core.ts'
import { closeAll, commitAll, rollbackAll, rollbackBecauseOf } from './ending.ts'

/**
 * A managed block: begins, runs the body, commits; on an error rolls back and throws the same error. Where the body has ended
 * the transaction itself, the block only ends.
 *
 * @param afterEnd called within the operation that ends the block, before anything that waits behind it
 */
export async function runBlock<T>(
  core: SessionCore,
  body: () => Promise<T> | T,
  afterEnd: (how: string) => void = () => {},
): Promise<T> {
  core.refuseEndedBlock('begin()')
  core.external?.refuseCommit('begin() with a function')
  if (core.transaction !== undefined) {
    throw new InvalidRequestError(
      'begin(): a transaction has already begun on this session; use beginNested() inside it.',
    )
  }
  const block = { ended: false }
  core.block = block
  core.beginTransaction('begin')
  try {
    const result = await body()
    const commit = () => commitAll(core).then(() => afterEnd('its block has ended'))
    if (block.ended) afterEnd('its block has ended')
    else await core.gate.runAlone('the end of the block', commit)
    return result
  } catch (error) {
    await rollbackBecauseOf(core, error, () => rollbackAll(core).finally(() => afterEnd('its block failed')))
    throw error
  } finally {
    core.block = undefined
  }
}

/** The same, for a session that lives as long as the block: it is closed for good before the block's promise settles. */
export async function runBlockAndClose<T>(core: SessionCore, body: () => Promise<T> | T): Promise<T> {
  const closeGate = (how: string) => core.gate.closeForGood(how)
  let result: T
  try {
    result = await runBlock(core, body, closeGate)
  } catch (error) {
    closeGate('its block failed')
    await core.gate.seize('close()', () => closeAll(core)).catch((failure: unknown) => attachSuppressed(error, failure))
    throw error
  }
  await core.gate.seize('close()', () => closeAll(core))
  return result
}

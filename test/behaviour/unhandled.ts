/** The rejections that nobody has handled by the time `work`, and everything it has started, is over. */
export async function unhandledDuring(work: () => Promise<unknown>): Promise<unknown[]> {
  const seen: unknown[] = []
  const note = (reason: unknown) => {
    seen.push(reason)
  }
  const others = process.listeners('unhandledRejection')
  process.removeAllListeners('unhandledRejection')
  process.on('unhandledRejection', note)
  try {
    await work()
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve))
  } finally {
    process.off('unhandledRejection', note)
    for (const listener of others) process.on('unhandledRejection', listener)
  }
  return seen
}

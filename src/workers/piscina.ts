import type { Piscina } from 'piscina'
import { DriverMissingError } from '../index.ts'
import type { ThreadSetting } from './messages.ts'

/** The package that keeps the threads. */
export type Threads = Piscina

/** Written as this file is: as TypeScript where the sources run as they are, as JavaScript in the built package. */
const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js'

/**
 * Starts threads. They go on with what is open in them between two items, as connections must, and so do not wait by Atomics.
 *
 * @throws DriverMissingError when the package is not installed
 */
export async function startThreads(count: number, setting: ThreadSetting): Promise<Threads> {
  const Pool = await importPiscina()
  return new Pool({
    filename: new URL(`./thread.${extension}`, import.meta.url).href,
    minThreads: count,
    maxThreads: count,
    atomics: 'disabled',
    workerData: setting,
  })
}

async function importPiscina(): Promise<typeof Piscina> {
  try {
    return (await import('piscina')).Piscina
  } catch (cause) {
    const { code, message } = cause as { readonly code?: string; readonly message?: string }
    if (code !== 'ERR_MODULE_NOT_FOUND' || message?.includes("'piscina'") !== true) throw cause
    throw new DriverMissingError(
      "A pool of threads needs the package 'piscina', which is not installed: npm install piscina",
      { cause },
    )
  }
}

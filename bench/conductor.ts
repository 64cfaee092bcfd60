import { type ChildProcess, fork } from 'node:child_process'
import { join } from 'node:path'
import type { Target } from './contract.ts'
import type { Ask, Ran } from './worker.ts'

/** The beginning of what an error says: some tell a whole query. */
export function reasonOf(error: unknown): string {
  const [line = ''] = (error as Error).message.split('\n')
  return line.length > 160 ? `${line.slice(0, 160)}…` : line
}

/** A library's process. */
export class LibraryProcess {
  readonly name: string
  version = ''
  hasW6 = false
  readonly #child: ChildProcess
  #settle: { resolve: (value: unknown) => void; reject: (error: Error) => void } | undefined

  private constructor(name: string, module: string) {
    this.name = name
    this.#child = fork(join(import.meta.dirname, 'worker.ts'), [module], { execArgv: ['--expose-gc'], silent: true })
    const output: string[] = []
    for (const stream of [this.#child.stdout, this.#child.stderr])
      stream?.on('data', (data) => output.push(String(data)))
    this.#child.on('message', (message: { value?: unknown; error?: string }) => {
      if (message.error === undefined) this.#settle?.resolve(message.value)
      else this.#settle?.reject(new Error(message.error))
    })
    this.#child.on('exit', (code) =>
      this.#settle?.reject(new Error(`${name} ended (${code}): ${output.join('').slice(-800)}`)),
    )
  }

  /** Undefined where the library cannot be measured on this database, with the reason printed. */
  static async open(name: string, module: string, target: Target): Promise<LibraryProcess | undefined> {
    const library = new LibraryProcess(name, module)
    try {
      await library.#wait()
      const opened = (await library.#ask({ do: 'open', target })) as { version: string; w6: boolean } | undefined
      if (opened === undefined) throw new Error('it has no driver for this database that is installed')
      library.version = opened.version
      library.hasW6 = opened.w6
      return library
    } catch (error) {
      library.#child.kill()
      console.log(`${name} is left out on ${target.product}: ${reasonOf(error)}`)
      return undefined
    }
  }

  run(id: string, size: number): Promise<Ran> {
    return this.#ask({ do: 'run', id, size }) as Promise<Ran>
  }

  heap(size: number): Promise<number> {
    return this.#ask({ do: 'heap', size }) as Promise<number>
  }

  async close(): Promise<void> {
    await this.#ask({ do: 'close' }).catch(() => undefined)
    this.#child.kill()
  }

  #ask(ask: Ask): Promise<unknown> {
    const answer = this.#wait()
    this.#child.send(ask)
    return answer
  }

  #wait(): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.#settle = { resolve, reject }
    })
  }
}

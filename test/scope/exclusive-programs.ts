import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import process from 'node:process'
import { createInterface } from 'node:readline'
import { pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'
import { repository } from '../support/repository.ts'

const heddle = pathToFileURL(join(repository, 'src', 'index.ts')).href

/** Another process that works on a job of its own accord; what it prints is told line by line. */
export interface JobProgram {
  readonly child: ChildProcess
  /** The next line that it prints. */
  nextLine(): Promise<string>
  /** Lets it go on past `untilTold()`. */
  tell(): void
  /** Resolves to its exit code or signal. */
  readonly ended: Promise<number | string | null>
}

/**
 * Starts a process in which `Sessions`, `runExclusive`, `say(line)` and `untilTold()` are there. It is killed at the end of the test,
 * if it still runs then.
 */
export function startJob(url: string, program: string): JobProgram {
  const start = `
    import * as heddle from ${JSON.stringify(heddle)}
    import { once } from 'node:events'
    const { createEngine, runExclusive, sessionmaker, sql } = heddle
    const engine = createEngine(${JSON.stringify(url)})
    const Sessions = sessionmaker({ bind: engine })
    const say = (line) => process.stdout.write(line + '\\n')
    const untilTold = () => once(process.stdin, 'data')
    const insert = (what) => Sessions.begin((session) => session.execute(sql\`insert into done (what) values (\${what})\`))
    `
  const end = '\nprocess.stdin.destroy()\nawait engine.dispose()\n'
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', start + program + end],
    { cwd: repository, stdio: ['pipe', 'pipe', 'inherit'] },
  )
  onTestFinished(() => void child.kill('SIGKILL'))
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  return {
    child,
    nextLine: async () => String((await lines.next()).value),
    tell: () => void child.stdin.write('go\n'),
    ended: once(child, 'close').then(([code, signal]) => code ?? signal),
  }
}

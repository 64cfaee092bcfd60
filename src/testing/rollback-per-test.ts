import { ArgumentError } from '../errors.ts'
import { type Enclosure, Engine } from '../index.ts'
import { aFunction, checkOptions, describeValue, milliseconds, type RulesOf } from '../support/index.ts'
import { hooksOfRunner, type RunnerHooks } from './runner.ts'

/** How tests are undone. The hooks are those of the test runner, where they are not found by themselves. */
export interface RollbackPerTestOptions extends RunnerHooks {
  /** Milliseconds that a holder waits for the one connection there is, before an error names who has it. Default: 5,000 */
  readonly timeout?: number
}

const rules: RulesOf<RollbackPerTestOptions> = {
  aroundEach: aFunction,
  beforeEach: aFunction,
  afterEach: aFunction,
  timeout: milliseconds,
}

/**
 * Undoes what each test does on an engine. The code under test opens scopes, commits and rolls back as it likes: beneath, that are savepoints of one
 * transaction, which is rolled back after the test. Call it once, at the top of a test file or inside of a `describe`; it finds the
 * hooks of Vitest, Jest and node:test.
 *
 * ```ts
 * rollbackPerTest(engine)
 * it('registers', async () => {
 *   await Session.begin(() => register('ed')) // commits, and is gone after the test
 * })
 * ```
 *
 * There is one connection, so scopes of one test take turns; one that is opened inside of another one waits for it in vain, which an
 * error says. Tests that run at the same time need an engine each.
 *
 * @param engine the engine, or a function that gives it when a test begins
 * @throws ArgumentError for what is no engine, and for wrong options
 */
export function rollbackPerTest(engine: Engine | (() => Engine), options: RollbackPerTestOptions = {}): void {
  if (!(engine instanceof Engine) && typeof engine !== 'function') {
    throw new ArgumentError(`rollbackPerTest(): an engine is needed, or a function, not ${describeValue(engine)}.`)
  }
  checkOptions('rollbackPerTest()', options, rules)
  const { timeout, ...given } = options
  const { aroundEach, beforeEach, afterEach } =
    'beforeEach' in given || 'aroundEach' in given ? given : hooksOfRunner('rollbackPerTest()')
  const enclose = () =>
    (typeof engine === 'function' ? engine() : engine).enclose({
      label: 'the test',
      ...(timeout !== undefined && { timeout }),
    })
  if (aroundEach !== undefined) {
    aroundEach(async (runTest) => {
      await using _enclosure = await enclose()
      await runTest()
    })
    return
  }
  let enclosure: Enclosure | undefined
  beforeEach?.(async () => {
    enclosure = await enclose()
  })
  afterEach?.(async () => {
    await enclosure?.rollback()
    enclosure = undefined
  })
}

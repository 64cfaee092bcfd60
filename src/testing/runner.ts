import { InvalidRequestError } from '../errors.ts'

/** A hook around each test, as Vitest has it. */
export type AroundEach = (around: (runTest: () => Promise<unknown>) => Promise<void>) => unknown

/** A hook before or after each test, as Vitest, Jest and node:test have it. */
export type EachHook = (hook: () => Promise<void>) => unknown

/** The hooks of a test runner: one around each test, or one before and one after. */
export interface RunnerHooks {
  /** Of Vitest. */
  readonly aroundEach?: AroundEach | undefined
  /** Of any runner, together with `afterEach`. */
  readonly beforeEach?: EachHook | undefined
  readonly afterEach?: EachHook | undefined
}

/** Only inside of its workers can Vitest be asked for its hooks. */
const vitest: object | undefined = '__vitest_worker__' in globalThis ? await import('vitest') : undefined

/** The hooks of the runner that runs this: those of Vitest, those that are global (Jest), or those of node:test. */
export function hooksOfRunner(call: string): RunnerHooks {
  const found = [vitest, globalThis, process.getBuiltinModule?.('node:test')].find(hasHooks)
  if (found !== undefined) return found
  throw new InvalidRequestError(
    `${call}: no test runner was found. Hand its hooks in: ${call.slice(0, -1)}engine, { beforeEach, afterEach }).`,
  )
}

function hasHooks(value: unknown): value is RunnerHooks {
  const { aroundEach, beforeEach, afterEach } = (value ?? {}) as RunnerHooks
  return typeof aroundEach === 'function' || (typeof beforeEach === 'function' && typeof afterEach === 'function')
}

/**
 * The entry `heddle/managed`: one engine for the whole program. Every worker thread has its own copy of this module, and so
 * its own engine and sessions.
 */

import { createEngine, type Engine, type EngineOptions, type EngineUrl } from './engine/index.ts'
import { ArgumentError, InvalidRequestError, NotInitializedError } from './errors.ts'
import { type ScopedSession, scopedSession } from './scope/index.ts'
import { type Session, type SessionOptions, sessionmaker } from './session/index.ts'

// The one engine of this thread, and the registry of its sessions.
let engineInUse: Engine | undefined
let sessionsInUse: ScopedSession | undefined

/**
 * Makes the engine of the whole program, or takes the one that is given. Called once, where the program starts; in every worker thread
 * again, because each has its own copy of this module, its own engine and its own sessions.
 *
 * @param target a URL, or an engine; the same engine may be given again, anything else only after `disposeEngine()`
 * @param options those of `createEngine()`, for a URL
 * @throws InvalidRequestError when there is another engine already; UrlError, ArgumentError
 */
export function initEngine(target: string | EngineUrl | Engine, options?: EngineOptions): Engine {
  if (target === engineInUse && options === undefined) return engineInUse
  if (engineInUse !== undefined) {
    throw new InvalidRequestError(
      `initEngine(): there is an engine for ${engineInUse.url} already. Call it once, or await disposeEngine() before.`,
    )
  }
  engineInUse = isEngine(target) ? withoutOptions(target, options) : createEngine(target, options)
  return engineInUse
}

/**
 * Makes the program's sessions, on its engine.
 *
 * @param options of the sessions; see SessionOptions
 * @throws NotInitializedError before `initEngine()`; InvalidRequestError when they are made already
 */
export function initSessionFactory(options: SessionOptions = {}): ScopedSession {
  const bind = getEngine()
  if (sessionsInUse !== undefined) {
    throw new InvalidRequestError(
      'initSessionFactory(): the sessions are made already. Call it once, or await disposeEngine() and initialize anew.',
    )
  }
  sessionsInUse = scopedSession(sessionmaker({ bind, ...options }))
  return sessionsInUse
}

/**
 * Runs a function with a session, in a scope and a transaction of its own: commits when it resolves, rolls back when it rejects, and
 * gives the connection back before the promise settles.
 *
 * ```ts
 * await managedSession(async (session) => { session.add(new User({ name: 'ed' })) })
 * ```
 *
 * @throws NotInitializedError before `initEngine()` and `initSessionFactory()`; what the function throws
 */
export async function managedSession<T>(
  body: (session: Session) => Promise<T> | T,
  options?: SessionOptions,
): Promise<T> {
  return sessions('managedSession()').begin(body, options)
}

/** The program's engine. @throws NotInitializedError before `initEngine()` */
export function getEngine(): Engine {
  if (engineInUse !== undefined) return engineInUse
  throw new NotInitializedError("There is no engine yet: call initEngine('sqlite:///app.db') where the program starts.")
}

/**
 * The session of the scope that is open: inside `managedSession()`, however deep.
 *
 * @throws NotInitializedError before `initEngine()` and `initSessionFactory()`; NoScopeError outside every scope
 */
export function getSession(): Session {
  return sessions('getSession()')()
}

/** The same as {@link getSession}. */
export const currentSession: () => Session = getSession

/** Disposes of the program's engine and forgets the sessions, so that both can be initialized anew. Without an engine it does nothing. */
export async function disposeEngine(): Promise<void> {
  const engine = engineInUse
  engineInUse = undefined
  sessionsInUse = undefined
  await engine?.dispose()
}

function sessions(call: string): ScopedSession {
  if (sessionsInUse !== undefined) return sessionsInUse
  const first =
    engineInUse === undefined ? "initEngine('sqlite:///app.db') and initSessionFactory()" : 'initSessionFactory()'
  throw new NotInitializedError(`${call}: there are no sessions yet; call ${first} where the program starts.`)
}

function isEngine(target: string | EngineUrl | Engine): target is Engine {
  return typeof target === 'object' && target !== null && 'connect' in target
}

function withoutOptions(engine: Engine, options: EngineOptions | undefined): Engine {
  if (options === undefined) return engine
  throw new ArgumentError('initEngine(): options can be given with a URL only; an engine has its own already.')
}

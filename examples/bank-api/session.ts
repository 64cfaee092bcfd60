import { scopedSession, sessionmaker } from './heddle.ts'

/** Makes the bank's sessions. Which database they are for is said once, at the start: `Sessions.configure({ bind: engine })`. */
export const Sessions = sessionmaker()

/**
 * The session of whoever asks: every request runs in a scope of its own, and `Session()` is that scope's session, however deep in
 * the program it is called. So nothing has to be passed around, and two requests never share one.
 */
export const Session = scopedSession(Sessions)

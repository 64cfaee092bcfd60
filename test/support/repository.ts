import { dirname } from 'node:path'

/** The root of the repository. */
export const repository = dirname(dirname(import.meta.dirname))

import { MappingError } from '../errors.ts'
import { nearest } from '../support/index.ts'
import { found, listed } from './found.ts'

/**
 * Refuses what is no plain object of known options, with the option that was most likely meant.
 *
 * @param place where the options stand, as the message begins
 */
export function checkOptionNames(place: string, options: unknown, known: readonly string[]): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new MappingError(`${place}: the options must be an object, got ${found(options)}.`)
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name))
      throw new MappingError(`${place}: there is no option '${name}'; ${suggestion(name, known)}`)
  }
}

/** Ends a message about an unknown name: `did you mean 'name'?`, or what there is. */
export function suggestion(name: string, known: Iterable<string>): string {
  const names = [...known]
  const close = nearest(name, names)
  if (close !== undefined) return `did you mean '${close}'?`
  return names.length === 0 ? 'there are none.' : `there are ${listed(names)}.`
}

import { DriverMissingError } from '../errors.ts'

/**
 * Imports the package of a driver.
 * @throws DriverMissingError naming the package to install, where it is not there
 */
export async function importPackage<T>(name: string, load: () => Promise<unknown>): Promise<T> {
  try {
    const module = (await load()) as { readonly default?: unknown }
    return (module.default ?? module) as T
  } catch (error) {
    throw missing(name, error)
  }
}

function missing(name: string, error: unknown): unknown {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown }
  const absent = code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND'
  if (!absent || !String(message).includes(`'${name}'`)) return error
  return new DriverMissingError(
    `The database needs the package '${name}', which is not installed. Install it: npm install ${name}`,
    { cause: error },
  )
}

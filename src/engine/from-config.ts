import { ArgumentError } from '../errors.ts'
import { defaultPoolOptions } from '../pool/index.ts'
import { createEngine } from './create-engine.ts'
import type { Engine } from './engine.ts'
import type { EngineOptions } from './options.ts'

/** Options of an engine that a text can say. */
const engineOptions = ['isolation', 'echo', 'naming', 'hideParameters', 'replicas', 'pool']

/** By what names are compared: `POOL_SIZE`, `pool.size` and `poolSize` are one. */
const plain = (name: string) => name.replaceAll(/[^a-z0-9]/gi, '').toLowerCase()

const known = new Map<string, { readonly group: 'engine' | 'pool' | 'url'; readonly name: string }>([
  ['url', { group: 'url', name: 'url' }],
  ...engineOptions.map((name) => [plain(name), { group: 'engine', name }] as const),
  ...Object.keys(defaultPoolOptions).map((name) => [plain(`pool${name}`), { group: 'pool', name }] as const),
])

/**
 * An engine by what a configuration says: of all its entries, those whose names begin with the prefix. Case, points and underscores do
 * not count, so environment variables serve as well as a parsed file. Texts become what the option takes; times are in milliseconds.
 *
 * @param config names and values; entries without the prefix are somebody else's
 * @param prefix before every name. Default: `DATABASE_`
 * @throws ArgumentError for an entry with the prefix that is no option, and where there is no URL
 * @example
 * // DATABASE_URL=postgresql://localhost/shop DATABASE_POOL_SIZE=10 DATABASE_ECHO=true
 * const engine = engineFromConfig(process.env)
 * const other = engineFromConfig({ 'db.url': 'sqlite:///app.db', 'db.pool.timeout': 5_000 }, 'db.')
 */
export function engineFromConfig(config: Readonly<Record<string, unknown>>, prefix = 'DATABASE_'): Engine {
  const found = { engine: {}, pool: {}, url: {} } as Record<'engine' | 'pool' | 'url', Record<string, unknown>>
  for (const [key, value] of Object.entries(config)) {
    if (!key.startsWith(prefix) || value === undefined) continue
    const option = known.get(plain(key.slice(prefix.length)))
    if (option === undefined) throw unknownEntry(key, prefix)
    found[option.group][option.name] = readValue(option.name, value)
  }
  const { url } = found.url
  if (typeof url !== 'string') {
    throw new ArgumentError(`engineFromConfig(): the configuration has no '${prefix}url', in whatever case`)
  }
  const pool = Object.keys(found.pool).length > 0 ? { pool: { ...poolKind(found.engine['pool']), ...found.pool } } : {}
  return createEngine(url, { ...found.engine, ...pool } as EngineOptions)
}

function poolKind(kind: unknown): object {
  return kind === undefined ? {} : { kind }
}

function readValue(name: string, value: unknown): unknown {
  if (typeof value !== 'string') return value
  if (name === 'replicas') return value.split(/[\s,]+/).filter((url) => url !== '')
  if (name === 'url') return value
  if (value === 'true' || value === 'false') return value === 'true'
  if (value === 'null' && name === 'resetOnReturn') return null
  return value.trim() !== '' && Number.isFinite(Number(value)) ? Number(value) : value
}

function unknownEntry(key: string, prefix: string): ArgumentError {
  const names = [...known.values()].map(({ group, name }) => (group === 'pool' ? `pool.${name}` : name))
  return new ArgumentError(
    `engineFromConfig(): the entry '${key}' begins with '${prefix}' and is no option. There are ${names.join(', ')}; ` +
      'case, points and underscores do not count',
  )
}

import { lineAt, type SourceFile } from './source.ts'

/** What is wrong and where: `src/pool/pool.ts:12: …`. */
export type Violation = string

/** A rule reads the whole tree and tells every violation. */
export type Rule = (files: readonly SourceFile[]) => Violation[]

/** The table of ARCHITECTURE.md: what stands directly below each folder of src. Everything may use support and errors. */
const below: Readonly<Record<string, readonly string[]>> = {
  scope: ['session'],
  session: ['flush', 'loading'],
  flush: ['state', 'engine'],
  loading: ['state', 'engine'],
  engine: ['sql', 'pool', 'drivers'],
  sql: ['mapping', 'drivers'],
  state: ['mapping'],
  mapping: [],
  pool: [],
  drivers: [],
  support: [],
}
/** Doors to other worlds: they use only what a user can import, and support, which everything may use. */
const doors = ['workers', 'integrations', 'testing']

/** A folder imports only folders below it, however far down. */
export const directions: Rule = (files) =>
  eachImport(files, (file, target) => {
    if (file.folder === '' || target.folder === file.folder || target.path === 'src/errors.ts') return undefined
    if (doors.includes(file.folder)) {
      return ['', 'support'].includes(target.folder) ? undefined : 'a door imports only public entries and support'
    }
    if (!(file.folder in below)) return `the folder '${file.folder}' is not in the table of import directions`
    if (file.folder !== 'support' && target.folder === 'support') return undefined
    if (target.folder === '') return `'${file.folder}' must not import the public entries`
    return reachable(file.folder).has(target.folder) ? undefined : `'${file.folder}' must not know '${target.folder}'`
  })

/** From outside, a folder is entered by its index.ts. */
export const entrances: Rule = (files) =>
  eachImport(files, (file, target) => {
    if (target.folder === '' || target.folder === file.folder) return undefined
    const index = `src/${target.folder}/index.ts`
    return target.path === index ? undefined : `${target.path} is entered past ${index}`
  })

/** No file imports itself, however long the way round; type imports count. */
export const cycles: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const done = new Set<string>()
  const found: Violation[] = []
  const visit = (file: SourceFile, way: readonly string[]): void => {
    if (done.has(file.path)) return
    for (const site of file.imports) {
      const target = byPath.get(site.target ?? '')
      if (!target) continue
      const start = [...way, file.path].indexOf(target.path)
      if (start >= 0)
        found.push(`${file.path}:${site.line}: ${[...way, file.path, target.path].slice(start).join(' → ')}`)
      else visit(target, [...way, file.path])
    }
    done.add(file.path)
  }
  for (const file of files) visit(file, [])
  return found
}

/** Asynchronous context is known in one place only. */
export const asyncHooks: Rule = (files) =>
  eachSpecifier(files, (file, specifier) =>
    /^(?:node:)?async_hooks$/.test(specifier) && file.path !== 'src/support/async-context.ts'
      ? 'only src/support/async-context.ts imports node:async_hooks'
      : undefined,
  )

/** Kysely's values are used where SQL is made and run; elsewhere its types at most. Public entries may pass them on. */
export const kysely: Rule = (files) =>
  files.flatMap((file) =>
    file.imports
      .filter((site) => /^kysely(?:\/|$)/.test(site.specifier) && !site.typeOnly)
      .filter(() => !['', 'sql', 'engine', 'loading'].includes(file.folder))
      .map(
        (site) => `${file.path}:${site.line}: only sql/, engine/ and loading/ import Kysely's values (use import type)`,
      ),
  )

/** A dialect's name is a string in sql/, drivers/ and engine/url only; elsewhere code asks for a capability. */
export const dialectNames: Rule = (files) =>
  matches(
    files.filter((file) => !['sql', 'drivers'].includes(file.folder) && !/^src\/engine\/url[^/]*\.ts$/.test(file.path)),
    'withoutComments',
    /(['"`])(?:sqlite|postgres|postgresql|mysql|mariadb|pglite)\1/g,
    (match) => `the dialect name ${match} outside sql/, drivers/ and engine/url: ask for a capability`,
  )

const databaseWords = new Set([
  'sql',
  'query',
  'queries',
  'transaction',
  'transactions',
  'database',
  'databases',
  'table',
  'tables',
  'row',
  'rows',
])

/** The pool has never heard of databases: no such word in names, texts or comments. */
export const poolWords: Rule = (files) =>
  files
    .filter((file) => file.folder === 'pool')
    .flatMap((file) =>
      file.lines.flatMap((line, index) =>
        wordsOf(line)
          .filter((word) => databaseWords.has(word))
          .map((word) => `${file.path}:${index + 1}: the pool is generic and must not say '${word}'`),
      ),
    )

/** mapping/ and state/ are synchronous. */
export const synchronous: Rule = (files) =>
  matches(
    files.filter((file) => ['mapping', 'state'].includes(file.folder)),
    'codeOnly',
    /(?<![.\w$])(?:await|async)\b(?!\s*[?:,)}=](?!>))/g,
    (match) => `'${match}' in a folder that does no I/O`,
  )

/** The flush plan is pure: nothing that it reaches belongs to the engine or the pool. */
export const purePlan: Rule = (files) => {
  const byPath = new Map(files.map((file) => [file.path, file]))
  return files
    .filter((file) => /^src\/flush\/plan[^/]*\.ts$/.test(file.path))
    .flatMap((plan) =>
      plan.imports.flatMap((site) => {
        const seen = new Set<string>()
        const reach = (path: string | undefined): string | undefined => {
          const target = byPath.get(path ?? '')
          if (!target || seen.has(target.path)) return undefined
          seen.add(target.path)
          if (['engine', 'pool'].includes(target.folder)) return target.path
          return target.imports.map((next) => reach(next.target)).find((found) => found !== undefined)
        }
        const impure = reach(site.target)
        return impure ? [`${plan.path}:${site.line}: the plan is pure, but this import reaches ${impure}`] : []
      }),
    )
}

/** A file that is longer than this does more than one job. */
export const longestFile = 400
export const shortFiles: Rule = (files) =>
  files
    .filter((file) => file.lines.length > longestFile)
    .map((file) => `${file.path}:${longestFile + 1}: ${file.lines.length} lines, ${longestFile} at most`)

/** Nothing is left for later in the code. */
export const leftForLater: Rule = (files) =>
  matches(
    files,
    'text',
    /\b(?:TODO|FIXME|XXX|HACK)\b/g,
    (match) => `'${match}': finish it, or write it down as a known limit`,
  )

/** Every symbol of a public entry has a doc comment where it is declared. */
export function documented(files: readonly SourceFile[], entries: readonly string[]): Violation[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const seen = new Set<string>()
  const visit = (path: string, wanted: string): Violation[] => {
    const file = byPath.get(path)
    if (!file || seen.has(`${path} ${wanted}`)) return []
    seen.add(`${path} ${wanted}`)
    const declared = declarationsOf(file).filter(({ name }) => wanted === '*' || name === wanted)
    const missing = firstOfEach(declared).filter(({ line }) => !hasDoc(file, line))
    const here = missing.map(({ name, line }) => `${path}:${line}: the public '${name}' has no doc comment`)
    const onward = reexportsOf(file).filter(({ name }) => wanted === '*' || name === '*' || name === wanted)
    return [...here, ...onward.flatMap(({ target, name, original }) => visit(target, name === '*' ? wanted : original))]
  }
  return entries.flatMap((entry) => visit(entry, '*'))
}

interface Declared {
  readonly name: string
  readonly line: number
}

/** Symbols that a file declares and exports, in place or in a list without `from`. */
function declarationsOf(file: SourceFile): Declared[] {
  const form =
    /^(export\s+)?(?:default\s+)?(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(?:function\s*\*?|class|const|let|interface|type)\s+([\w$]+)/gm
  const all = [...file.codeOnly.matchAll(form)].map((match) => ({
    name: match[2] ?? '',
    line: lineAt(file.codeOnly, match.index),
    exported: Boolean(match[1]),
  }))
  const lists = [...file.codeOnly.matchAll(/^export\s+(?:type\s+)?\{([^}]*)\}(?!\s*from)/gm)]
  const listed = new Set(lists.flatMap((match) => namesOf(match[1] ?? '').map(({ original }) => original)))
  return all.filter(({ name, exported }) => exported || listed.has(name))
}

function firstOfEach(declared: readonly Declared[]): Declared[] {
  return declared.filter(({ name }, index) => declared.findIndex((other) => other.name === name) === index)
}

interface Reexport {
  readonly target: string
  /** The public name, or '*'. */
  readonly name: string
  readonly original: string
}

function reexportsOf(file: SourceFile): Reexport[] {
  const form = /^export\s+(?:type\s+)?(?:\*|\{([^}]*)\})\s*from\s*'([^']+)'/gm
  return [...file.withoutComments.matchAll(form)].flatMap((match) => {
    const target = file.imports.find((site) => site.specifier === match[2])?.target
    if (!target) return []
    return match[1] === undefined
      ? [{ target, name: '*', original: '*' }]
      : namesOf(match[1]).map((each) => ({ target, ...each }))
  })
}

/** `a, type b as c` → a as a, b as c. */
function namesOf(list: string): { readonly name: string; readonly original: string }[] {
  const entries = list.split(',').map((each) => each.trim().replace(/^type\s+/, ''))
  return entries.filter(Boolean).map((entry) => {
    const [original = '', name = original] = entry.split(/\s+as\s+/)
    return { name, original }
  })
}

function hasDoc(file: SourceFile, line: number): boolean {
  let above = line - 2
  while (/^\s*(?:@|\/\/)/.test(file.lines[above] ?? '')) above -= 1
  if (!/\*\/\s*$/.test(file.lines[above] ?? '')) return false
  while (above >= 0 && !/\/\*/.test(file.lines[above] ?? '')) above -= 1
  return /^\s*\/\*\*/.test(file.lines[above] ?? '')
}

/** Every folder below one, however far down. */
function reachable(folder: string): Set<string> {
  const direct = below[folder] ?? []
  return new Set([...direct, ...direct.flatMap((each) => [...reachable(each)])])
}

function eachImport(
  files: readonly SourceFile[],
  problem: (file: SourceFile, target: { readonly path: string; readonly folder: string }) => string | undefined,
): Violation[] {
  return files.flatMap((file) =>
    file.imports.flatMap((site) => {
      if (site.target === undefined) return []
      const parts = site.target.split('/')
      const found = problem(file, { path: site.target, folder: parts.length > 2 ? (parts[1] ?? '') : '' })
      return found ? [`${file.path}:${site.line}: ${found}`] : []
    }),
  )
}

function eachSpecifier(
  files: readonly SourceFile[],
  problem: (file: SourceFile, specifier: string) => string | undefined,
): Violation[] {
  return files.flatMap((file) =>
    file.imports.flatMap((site) => {
      const found = problem(file, site.specifier)
      return found ? [`${file.path}:${site.line}: ${found}`] : []
    }),
  )
}

function matches(
  files: readonly SourceFile[],
  reading: 'text' | 'withoutComments' | 'codeOnly',
  pattern: RegExp,
  message: (match: string) => string,
): Violation[] {
  return files.flatMap((file) =>
    [...file[reading].matchAll(pattern)].map(
      (match) => `${file.path}:${lineAt(file.text, match.index)}: ${message(match[0])}`,
    ),
  )
}

/** The words of a line in lower case; `queryId` and `QUERY_ID` are both two. */
function wordsOf(line: string): string[] {
  const spaced = line.replace(/([a-z0-9])([A-Z])/g, '$1 $2').replace(/([A-Z]+)([A-Z][a-z])/g, '$1 $2')
  return spaced.split(/[^A-Za-z]+/).map((word) => word.toLowerCase())
}

import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** One import or re-export as it is written. */
export interface ImportSite {
  readonly line: number
  /** What stands between the quotes. */
  readonly specifier: string
  /** Only types are imported, so nothing is loaded at run time. */
  readonly typeOnly: boolean
  /** The file it means, from the root of the repository; undefined for a package. */
  readonly target: string | undefined
}

/** A source file, read in the ways that the rules need. */
export interface SourceFile {
  /** From the root of the repository, with forward slashes: `src/pool/pool.ts`. */
  readonly path: string
  /** The first folder under src, or '' for a file directly in it. */
  readonly folder: string
  readonly text: string
  readonly lines: readonly string[]
  /** The text with comments blanked out; lines and columns are kept. */
  readonly withoutComments: string
  /** The text with comments and the contents of strings blanked out. */
  readonly codeOnly: string
  readonly imports: readonly ImportSite[]
}

/** Reads a text as a source file; `path` from the root of the repository. */
export function sourceFile(path: string, text: string): SourceFile {
  const withoutComments = blank(text, { strings: false })
  const parts = path.split('/')
  return {
    path,
    folder: parts.length > 2 ? (parts[1] ?? '') : '',
    text,
    lines: text.replace(/\n$/, '').split('\n'),
    withoutComments,
    codeOnly: blank(text, { strings: true }),
    imports: findImports(path, withoutComments),
  }
}

/** All TypeScript files below a folder of the repository. */
export function readSources(root: string, folder: string): SourceFile[] {
  const names = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
  return names
    .map((name) => posix.join(folder, name.replaceAll('\\', '/')))
    .filter((path) => path.endsWith('.ts'))
    .sort()
    .map((path) => sourceFile(path, readFileSync(join(root, path), 'utf8')))
}

/** The line, counted from one, of a place in a text. */
export function lineAt(text: string, index: number): number {
  return text.slice(0, index).split('\n').length
}

const importForms = [
  // import … from '…', export … from '…'; the clause holds no quote and no statement of its own.
  /^[ \t]*(?:import|export)\s+(type\s+(?!from\b))?(?:[\w*{][^'"`;=]*?\s)?from\s*(['"])([^'"\n]+)\2/gm,
  // import '…'
  /^[ \t]*import\s*()(['"])([^'"\n]+)\2/gm,
  // await import('…') and the type import('…').Name
  /\bimport\s*\(()\s*(['"])([^'"\n]+)\2/g,
]

function findImports(path: string, text: string): ImportSite[] {
  const sites = importForms.flatMap((form) =>
    [...text.matchAll(form)].map((match) => ({
      line: lineAt(text, match.index + match[0].length),
      specifier: match[3] ?? '',
      typeOnly: Boolean(match[1]),
      target: match[3]?.startsWith('.') ? posix.join(posix.dirname(path), match[3]) : undefined,
    })),
  )
  return sites.sort((a, b) => a.line - b.line)
}

/** The end of a regular expression literal that starts at `start`, or `start` where a slash divides. */
function regexEnd(text: string, start: number): number {
  const before = text.slice(Math.max(0, start - 40), start).trimEnd()
  if (!(before === '' || /[=(,:;!&|?{}[+\-*%<>~^]$|\b(?:return|typeof|case|in|of|do|else)$/.test(before))) return start
  return start + (/^\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\//.exec(text.slice(start))?.[0].length ?? 0)
}

/** Replaces comments, and with `strings` what is inside of quotes, by spaces. */
function blank(text: string, options: { readonly strings: boolean }): string {
  const out = text.split('')
  /** For each open `${` of a template: the braces that are open inside of it. */
  const substitutions: number[] = []
  let index = 0
  const wipe = (end: number) => {
    for (; index < end; index += 1) if (text[index] !== '\n') out[index] = ' '
  }
  const readString = (quote: string) => {
    while (index < text.length && text[index] !== quote) {
      if (quote === '`' && text.startsWith('${', index)) {
        substitutions.push(0)
        index += 2
        return
      }
      const end = index + (text[index] === '\\' ? 2 : 1)
      if (options.strings) wipe(end)
      else index = end
    }
    index += 1
  }
  while (index < text.length) {
    const char = text[index] as string
    const open = substitutions.length - 1
    if (text.startsWith('//', index)) wipe(endOf(text, '\n', index, 0))
    else if (text.startsWith('/*', index)) wipe(endOf(text, '*/', index + 2, 2))
    else if (char === '/' && regexEnd(text, index) > index) index = regexEnd(text, index)
    else if (char === "'" || char === '"' || char === '`') {
      index += 1
      readString(char)
    } else if (char === '}' && substitutions[open] === 0) {
      substitutions.pop()
      index += 1
      readString('`')
    } else {
      if (open >= 0 && char === '{') substitutions[open] = (substitutions[open] ?? 0) + 1
      if (open >= 0 && char === '}') substitutions[open] = (substitutions[open] ?? 0) - 1
      index += 1
    }
  }
  return out.join('')
}

function endOf(text: string, mark: string, from: number, length: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found + length
}

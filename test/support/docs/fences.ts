import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'

/** A fenced block of a page. */
export interface Fence {
  /** From the root of the repository. */
  readonly page: string
  /** The line of the page on which the block's text begins. */
  readonly line: number
  /** The first word after the fence: `ts`, `sh`, `text`. */
  readonly language: string
  /** The other words: `run`, `continues`, `file=entities.ts`, `output`. */
  readonly marks: readonly string[]
  readonly text: string
}

/** README.md and every page below docs; none where they do not exist. */
export function pagesOf(root: string): string[] {
  const below = existsSync(join(root, 'docs'))
    ? readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    : []
  const pages = ['README.md', ...below.map((name) => posix.join('docs', name.replaceAll('\\', '/'))).sort()]
  return pages.filter((page) => page.endsWith('.md') && existsSync(join(root, page)))
}

/** The fenced blocks of all pages, in order. */
export function fencesOf(root: string): Fence[] {
  return pagesOf(root).flatMap((page) => parseFences(page, readFileSync(join(root, page), 'utf8')))
}

/** The fenced blocks of one page. */
export function parseFences(page: string, text: string): Fence[] {
  const fences: Fence[] = []
  let open: { mark: string; indent: number; info: string[]; line: number; lines: string[] } | undefined
  for (const [index, line] of text.split('\n').entries()) {
    const start = /^(\s*)(`{3,})\s*([^`]*)$/.exec(line)
    if (open && line.trim().startsWith(open.mark) && line.trim().replace(/^`+/, '') === '') {
      const [language = '', ...marks] = open.info
      fences.push({ page, line: open.line, language, marks, text: open.lines.join('\n') })
      open = undefined
    } else if (open) open.lines.push(line.slice(Math.min(open.indent, line.length - line.trimStart().length)))
    else if (start) {
      const info = (start[3] ?? '').trim().split(/\s+/).filter(Boolean)
      open = { mark: start[2] ?? '```', indent: start[1]?.length ?? 0, info, line: index + 2, lines: [] }
    }
  }
  if (open) throw new Error(`${page}:${open.line - 1}: the fence is never closed`)
  return fences
}

/** A program that a page shows. */
export interface DocumentedProgram {
  readonly page: string
  readonly line: number
  /** The file's name, without a folder. */
  readonly name: string
  /** Its lines stand where they stand on the page, so that compilers and stack traces name the page's lines. */
  readonly text: string
  readonly runs: boolean
  /** What it must print, where the page says so. */
  readonly output: string | undefined
}

/**
 * The programs among the fences. A `ts` fence is a program of its own, unless it `continues` the one before it on its
 * page. `run` means that it is run and not only compiled; `file=name.ts` gives it a name that others can import. A
 * `text output` fence after it holds what the program prints.
 */
export function programsOf(fences: readonly Fence[]): DocumentedProgram[] {
  const programs: DocumentedProgram[] = []
  for (const [index, fence] of fences.entries()) {
    if (fence.language !== 'ts') continue
    const before = fence.marks.includes('continues') ? programs.findLast(({ page }) => page === fence.page) : undefined
    if (fence.marks.includes('continues') && !before)
      throw new Error(`${fence.page}:${fence.line}: nothing to continue`)
    const next = fences[index + 1]
    const shows = next?.page === fence.page && next.language === 'text' && next.marks.includes('output')
    programs.push({
      page: fence.page,
      line: fence.line,
      name: nameOf(fence),
      text: placeAt(fence.line, before?.text ?? '', fence.text),
      runs: fence.marks.includes('run'),
      output: shows ? next.text : undefined,
    })
  }
  return programs
}

function nameOf(fence: Fence): string {
  const given = fence.marks.find((mark) => mark.startsWith('file='))?.slice('file='.length)
  return given ?? `${fence.page.replace(/\.md$/, '').replace(/\W+/g, '-')}-${fence.line}.ts`
}

function placeAt(line: number, before: string, text: string): string {
  const missing = line - before.split('\n').length
  return `${before}${'\n'.repeat(Math.max(missing, 0))}${text}\n`
}

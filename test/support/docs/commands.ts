import type { Fence } from './fences.ts'

/** Every command that README and docs may tell a reader to type. `npm run` is checked against package.json. */
const known: readonly RegExp[] = [
  /^npm (?:install|i) heddle(?: (?:fastify|express|koa|hono|pg|pg-cursor|mysql2|better-sqlite3|@electric-sql\/pglite))*$/,
  /^npm install (?:pg|pg-cursor|mysql2|better-sqlite3|@electric-sql\/pglite)(?: pg-cursor)?$/,
  /^npm (?:ci|test|init -y)$/,
  /^git clone \S+heddle(?:\.git)?(?: heddle)?$/,
  /^cd [\w./-]+$/,
  /^(?:[A-Z_]+=\S+ )*npm (?:test|run [\w:-]+)(?: -- \S+)*$/,
  /^(?:[A-Z_]+=\S+ )*node [\w./-]+\.m?ts$/,
  /^curl (?:-X POST )?localhost:3000\/\S+.*$/,
  /^(?:[A-Z_]+=\S+ )*(?:npx )?vitest run(?: [\w./-]+)*$/,
  /^\.ci\/run$/,
]

/** What is wrong with the commands of shell fences. */
export function commandProblems(fences: readonly Fence[], scripts: readonly string[]): string[] {
  return fences
    .filter(({ language }) => ['sh', 'bash', 'shell', 'console'].includes(language))
    .flatMap((fence) =>
      fence.text
        .split('\n')
        .flatMap((line, index) => commandsOf(line).map((command) => [fence, command, fence.line + index] as const)),
    )
    .filter(([, command]) => command !== '')
    .flatMap(([fence, command, line]) => {
      const script = /npm run ([\w:-]+)/.exec(command)?.[1]
      if (!known.some((form) => form.test(command))) return [`${fence.page}:${line}: '${command}' is no known command`]
      if (script && !scripts.includes(script)) return [`${fence.page}:${line}: there is no script '${script}'`]
      return []
    })
}

/** The commands of a line, without a prompt and without a remark; `a && b` is two. */
function commandsOf(line: string): string[] {
  return line
    .replace(/^\s*\$ /, '')
    .replace(/(?:^|\s+)#.*$/, '')
    .split('&&')
    .map((command) => command.trim())
}

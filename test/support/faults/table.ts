import type { FaultReport } from './run-fault.ts'

/** The reports as a table in Markdown: one line for each fault, one column for each database. */
export function faultTable(reports: readonly FaultReport[]): string {
  const databases = [...new Set(reports.map(({ database }) => database))]
  const faults = [...new Set(reports.map(({ fault }) => fault))]
  const lines = faults.map((fault) => {
    const cells = databases.map((database) =>
      cell(reports.filter((report) => report.fault === fault && report.database === database)),
    )
    return `| ${[fault, ...cells].join(' | ')} |`
  })
  return [
    `| ${['fault', ...databases].join(' | ')} |`,
    `| ${['---', ...databases.map(() => '---')].join(' | ')} |`,
    ...lines,
  ].join('\n')
}

/** What several runs of one fault on one database came to. */
function cell(reports: readonly FaultReport[]): string {
  if (reports.length === 0) return '–'
  const saw = [...new Set(reports.flatMap((report) => report.saw))].sort()
  const leaked = reports.reduce((sum, report) => sum + report.leaked, 0)
  const lost = reports.reduce((sum, report) => sum + report.lost, 0)
  const problems = [...new Set(reports.flatMap((report) => report.problems))]
  const wrong = problems.length === 0 ? '' : `; **${problems.join(', ')}**`
  return `${saw.map((name) => `\`${name}\``).join(', ') || 'nothing'}; leaked ${leaked}, lost ${lost}${wrong}`
}

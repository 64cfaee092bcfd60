import { type ProductResult, ratioOf, workloadsOf } from './report.ts'

const WIDTH = 860
const ROW = 15
const GAP = 12
const LEFT = 110
const MOST = 20

/**
 * Bars of the ratios, a group for each workload, on a logarithmic axis from 0.5 to 20. Light and dark: it follows the reader's own
 * colour scheme.
 */
export function plot(result: ProductResult, title: string): string {
  const parts: string[] = []
  let y = 30
  for (const workload of workloadsOf(result)) {
    parts.push(`<text class="group" x="8" y="${y + 12}">${workload}</text>`)
    for (const { name } of result.libraries) {
      if (name === 'bare') continue
      const ratio = ratioOf(result, workload, name, 'wall')
      if (ratio === undefined) continue
      parts.push(bar(name, ratio, y))
      y += ROW
    }
    y += GAP
  }
  return document(title, parts, y, axis(y))
}

function place(ratio: number): number {
  const clipped = Math.min(MOST, Math.max(0.5, ratio))
  return LEFT + ((WIDTH - LEFT - 90) * Math.log(clipped / 0.5)) / Math.log(MOST / 0.5)
}

function bar(name: string, ratio: number, y: number): string {
  const own = name === 'heddle' ? ' own' : ''
  const end = place(ratio)
  const told = ratio > MOST ? `${ratio.toFixed(0)} →` : ratio.toFixed(2)
  return (
    `<rect class="bar${own}" x="${LEFT}" y="${y}" width="${(end - LEFT).toFixed(1)}" height="${ROW - 4}" rx="2"/>` +
    `<text class="name${own}" x="${(end + 5).toFixed(1)}" y="${y + 9}">${name} ${told}</text>`
  )
}

function axis(bottom: number): string[] {
  return [0.5, 1, 2, 5, 10, 20].map((tick) => {
    const x = place(tick).toFixed(1)
    const one = tick === 1 ? ' one' : ''
    return `<line class="tick${one}" x1="${x}" x2="${x}" y1="20" y2="${bottom}"/><text class="tick-name" x="${x}" y="14">${tick}×</text>`
  })
}

function document(title: string, bars: readonly string[], height: number, ticks: readonly string[]): string {
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">
<title>${title}</title>
<style>
  text { font: 10px system-ui, sans-serif; fill: #333 }
  .group { font-weight: 600; font-size: 12px }
  .name.own { font-weight: 700 }
  .tick-name { text-anchor: middle; fill: #777 }
  .bar { fill: #b9c2cc }
  .bar.own { fill: #2f6fde }
  .tick { stroke: #e2e5e9 }
  .tick.one { stroke: #8a939c }
  @media (prefers-color-scheme: dark) {
    text { fill: #d6dae0 }
    .tick-name { fill: #99a1ab }
    .bar { fill: #4a535e }
    .bar.own { fill: #6ea2ff }
    .tick { stroke: #333a42 }
    .tick.one { stroke: #7d8793 }
  }
</style>
${[...ticks, ...bars].join('\n')}
</svg>
`
}

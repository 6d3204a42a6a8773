/**
 * The chart of `README.md` here: how many times as fast as the peer, scenario by scenario.
 */
import type { Result } from "./Report.js"

const width = 760
const left = 300
const rowHeight = 34
const top = 56

const servers = { completion: "#7c6cf0", process: "#2f9e8f" } as const

const escape = (text: string) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")

/** For work measured by the GiB what counts is processor time, for the rest how many are done in a second. */
const factorOf = ({ per, rows }: Result, server: string) => {
  const row = rows.find((row) => row.server === server)
  return row === undefined ? Number.NaN : per === "GiB" ? 1 / row.ratio.cpu : row.ratio.rate
}

export const render = (results: ReadonlyArray<Result>, machine: string): string => {
  const shown = results.filter((result) => Object.keys(servers).every((server) => factorOf(result, server) > 0))
  const most = Math.max(1, ...shown.flatMap((result) => Object.keys(servers).map((server) => factorOf(result, server))))
  const x = (factor: number) => left + (factor / most) * (width - left - 60)
  const height = top + shown.length * rowHeight + 40
  const bars = shown.flatMap((result, i) => {
    const y = top + i * rowHeight
    return [
      `<text x="${left - 12}" y="${y + 18}" text-anchor="end">${escape(result.title)}</text>`,
      ...Object.entries(servers).flatMap(([server, color], j) => {
        const factor = factorOf(result, server)
        const barY = y + 3 + j * 13
        return [
          `<rect x="${left}" y="${barY}" width="${(x(factor) - left).toFixed(1)}" height="11" fill="${color}"/>`,
          `<text x="${(x(factor) + 5).toFixed(1)}" y="${barY + 10}" font-size="11">${factor.toFixed(1)}</text>`
        ]
      })
    ]
  })
  const legend = Object.entries(servers).map(([server, color], i) =>
    `<rect x="${left + i * 190}" y="30" width="11" height="11" fill="${color}"/><text x="${
      left + 16 + i * 190
    }" y="40">durability ${server}</text>`
  )
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="system-ui, sans-serif" font-size="13" fill="#57606a">
<text x="12" y="20" font-weight="600">Times as fast as @tus/server (for bytes: times less processor time)</text>
${legend.join("\n")}
${bars.join("\n")}
<line x1="${x(1).toFixed(1)}" y1="${top - 4}" x2="${x(1).toFixed(1)}" y2="${
    height - 34
  }" stroke="#d1242f" stroke-dasharray="4 3"/>
<text x="12" y="${height - 12}" font-size="11">${
    escape(machine)
  }; medians of alternating rounds, the server on one core</text>
</svg>
`
}

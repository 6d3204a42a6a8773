/**
 * The tables of `README.md` here, written from what was measured: each stands between two comments with its name.
 */
import { type Result, subject, text } from "./Report.js"

type Render = (results: ReadonlyArray<Result>) => string

const row = (cells: ReadonlyArray<string>) => `| ${cells.join(" | ")} |`

const table = (heads: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>) =>
  [row(heads), `|${"---|".repeat(heads.length)}`, ...rows.map(row)].join("\n")

const chosen = (results: ReadonlyArray<Result>, names: ReadonlyArray<string>) =>
  results.filter(({ name }) => names.includes(name))

/** A row for each scenario, a column for each kind: for bytes the processor time, else how many are done a second. */
const speed = (names: ReadonlyArray<string>, kinds: ReadonlyArray<string>): Render => (results) =>
  table(
    ["", ...kinds],
    chosen(results, names).map(({ per, rows, title }) => [
      title,
      ...kinds.map((kind) => {
        const found = rows.find(({ server }) => server === kind)
        return found === undefined
          ? ""
          : per === "GiB"
          ? `${text(found.cpu)} s`
          : Math.round(found.rate).toLocaleString("en-US")
      })
    ])
  )

/** A row for each kind, with what only this scenario knows. */
const details = (...names: ReadonlyArray<string>): Render => (results) =>
  chosen(results, names).map(({ per, rows, title }) => {
    const own = Object.keys(rows[0]?.figures ?? {})
    return table(
      [title, ...(per === "GiB" ? ["MiB/s", "CPU s/GiB"] : ["a second", "CPU us each"]), "peak MiB", ...own],
      rows.map(({ cpu, figures, peakRss, rate, server }) => [
        server,
        ...[rate, cpu, peakRss, ...own.map((name) => figures[name] ?? Number.NaN)].map(text)
      ])
    )
  }).join("\n\n")

const targets: Render = (results) =>
  table(
    ["", "what is compared", "target", "reached", "holds"],
    results.flatMap(({ targets, title }) =>
      targets.map(({ holds, reached, target }) => [
        title,
        subject(target),
        `${target.bound} ${text(target.value)}`,
        text(reached),
        holds ? "yes" : "**no**"
      ])
    )
  )

const ours = ["process", "completion", "always", "database", "@tus/server"]
const inline = ["inline floor", "inline floor, synced"]
const files = ["file floor, kept", "file floor, synced"]

const tables: Readonly<Record<string, Render>> = {
  answers: speed(["options", "head"], ["completion", "million", "@tus/server", "bare listener"]),
  small: speed(["post", "post-patch", "creation-with-upload", "appends"], [...ours, ...inline, ...files]),
  bytes: speed(["large", "chunks", "parallel"], [
    "process",
    "completion",
    "@tus/server",
    "file floor",
    "file floor, synced"
  ]),
  clients: details("client-files", "client-large"),
  memory: details("rest", "held"),
  targets
}

/** The text, with each table written anew. */
export const fill = (readme: string, results: ReadonlyArray<Result>) =>
  Object.entries(tables).reduce(
    (text, [name, render]) =>
      text.replace(
        new RegExp(`(<!-- ${name} -->\n).*?(?=<!-- /${name} -->)`, "s"),
        (_, start: string) => `${start}\n${render(results)}\n\n`
      ),
    readme
  )

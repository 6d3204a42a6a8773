/**
 * All metrics of this process in the text format of Prometheus, those of the application included.
 *
 * @see https://prometheus.io/docs/instrumenting/exposition_formats
 */
import * as HttpServerResponse from "@effect/platform/HttpServerResponse"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import type * as MetricPair from "effect/MetricPair"
import * as MetricState from "effect/MetricState"
import * as Option from "effect/Option"

/** The content type of the text format, in the version that every Prometheus reads. */
export const contentType = "text/plain; version=0.0.4; charset=utf-8"

/** The current values as text. */
export const text: Effect.Effect<string> = Effect.map(Metric.snapshot, (pairs) => render(pairs))

/** Answers a GET of `/metrics`, or of the path where it is mounted. Do not expose it to the public. */
export const app: Effect.Effect<HttpServerResponse.HttpServerResponse> = Effect.map(
  text,
  (text) => HttpServerResponse.text(text, { contentType })
)

/**
 * These metrics as text, grouped by name. Characters that a name or a label must not contain become `_`. A frequency is
 * written as a counter with the label `value`.
 */
export const render = (pairs: ReadonlyArray<MetricPair.MetricPair.Untyped>): string => {
  const families = new Map<string, Array<string>>()
  for (const { metricKey, metricState } of pairs) {
    const name = metricKey.name.replace(/[^A-Za-z0-9_:]/g, "_")
    const help = Option.match(metricKey.description, {
      onNone: () => [],
      onSome: (text) => [`# HELP ${name} ${text.replace(/\\/g, "\\\\").replace(/\n/g, "\\n")}`]
    })
    const lines = families.get(name) ?? [...help, `# TYPE ${name} ${typeOf(metricState)}`]
    const labels = metricKey.tags.map(({ key, value }): Label => [key.replace(/[^A-Za-z0-9_]/g, "_"), value])
    lines.push(...samples(name, labels, metricState))
    families.set(name, lines)
  }
  return Array.from(families.values(), (lines) => `${lines.join("\n")}\n`).join("")
}

type Label = readonly [name: string, value: string]

const typeOf = (state: unknown) =>
  MetricState.isCounterState(state)
    ? "counter"
    : MetricState.isGaugeState(state)
    ? "gauge"
    : MetricState.isHistogramState(state)
    ? "histogram"
    : MetricState.isSummaryState(state)
    ? "summary"
    : "counter"

const samples = (name: string, labels: ReadonlyArray<Label>, state: unknown): ReadonlyArray<string> => {
  if (MetricState.isCounterState(state)) {
    return [sample(name, labels, state.count)]
  }
  if (MetricState.isGaugeState(state)) {
    return [sample(name, labels, state.value)]
  }
  if (MetricState.isFrequencyState(state)) {
    return Array.from(state.occurrences, ([value, count]) => sample(name, [...labels, ["value", value]], count))
  }
  if (MetricState.isHistogramState(state)) {
    return [
      ...state.buckets.filter(([bound]) => Number.isFinite(bound)).map(([bound, count]) =>
        sample(`${name}_bucket`, [...labels, ["le", String(bound)]], count)
      ),
      sample(`${name}_bucket`, [...labels, ["le", "+Inf"]], state.count),
      sample(`${name}_sum`, labels, state.sum),
      sample(`${name}_count`, labels, state.count)
    ]
  }
  if (MetricState.isSummaryState(state)) {
    return [
      ...state.quantiles.flatMap(([quantile, value]) =>
        Option.match(value, {
          onNone: () => [],
          onSome: (value) => [sample(name, [...labels, ["quantile", String(quantile)]], value)]
        })
      ),
      sample(`${name}_sum`, labels, state.sum),
      sample(`${name}_count`, labels, state.count)
    ]
  }
  return []
}

const sample = (name: string, labels: ReadonlyArray<Label>, value: number | bigint) => {
  const set = labels.map(([name, value]) => `${name}="${escape(value)}"`).join(",")
  return `${name}${set === "" ? "" : `{${set}}`} ${value}`
}

const escape = (value: string) => value.replace(/\\/g, "\\\\").replace(/"/g, "\\\"").replace(/\n/g, "\\n")

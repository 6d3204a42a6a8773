/**
 * What a client is told, and what its work takes, as one line of JSON.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"

export interface Told {
  readonly directory: string
  readonly endpoint: string
  /** How many uploads run at the same time. */
  readonly concurrency: number
}

export const { concurrency, directory, endpoint } = JSON.parse(process.argv[2] ?? "") as Told

export const files = readdirSync(directory).map((name) => join(directory, name))

export interface Run {
  readonly seconds: number
  /** Seconds of processor time. */
  readonly cpu: number
  /** Bytes of memory in use, at most. */
  readonly peakRss: number
  /** Bytes by which memory grew at most. */
  readonly growth: number
}

const peakRss = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))?.[1]) * 1024

export const report = async (work: () => Promise<unknown>) => {
  const [rss, cpu, start] = [peakRss(), process.cpuUsage(), performance.now()]
  await work()
  const seconds = (performance.now() - start) / 1000
  const { system, user } = process.cpuUsage(cpu)
  const peak = peakRss()
  const run: Run = { seconds, cpu: (user + system) / 1e6, peakRss: peak, growth: peak - rss }
  process.stdout.write(`${JSON.stringify(run)}\n`)
}

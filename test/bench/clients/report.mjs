/**
 * What some work takes, as one line of JSON: seconds, seconds of processor time, and bytes by which memory grew.
 */
import { readFileSync } from "node:fs"

const peakRss = () => Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync("/proc/self/status", "utf8"))[1]) * 1024

export const report = async (work) => {
  const [rss, cpu, start] = [peakRss(), process.cpuUsage(), performance.now()]
  await work()
  const seconds = (performance.now() - start) / 1000
  const { system, user } = process.cpuUsage(cpu)
  process.stdout.write(`${JSON.stringify({ seconds, cpu: (user + system) / 1e6, growth: peakRss() - rss })}\n`)
}

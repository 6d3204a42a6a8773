/**
 * Translates the system calls of a server into stages per answer: every step of a stage has ended before the next stage
 * begins. Only steps that matter for a power cut are kept.
 */
import { relative } from "node:path"
import type { Call } from "./strace.js"

type Verb = "make" | "write" | "rename" | "sync"

/** `directory` is the directory of uploads, which contains the shards and the database with its log. */
type Place = "file" | "shard" | "directory" | "parent" | "log"

export type Step = `${Verb} ${Place}` | "answer"

/** Sorted. */
export type Stage = ReadonlyArray<Step>

const verbs: Readonly<Record<string, Verb>> = {
  openat: "make",
  mkdir: "make",
  mkdirat: "make",
  rename: "rename",
  renameat: "rename",
  renameat2: "rename",
  fsync: "sync",
  fdatasync: "sync",
  write: "write",
  writev: "write",
  pwrite64: "write",
  pwritev: "write",
  pwritev2: "write",
  sendmsg: "write",
  sendfile: "write",
  copy_file_range: "write",
  ioctl: "write",
  ftruncate: "write"
}

/** As an argument for strace; `?` ignores calls that a system does not have. */
export const traced = Object.keys(verbs).map((name) => `?${name}`).join(",")

const places: ReadonlyArray<readonly [Place, RegExp]> = [
  ["log", /^uploads\.sqlite-wal$/],
  ["parent", /^\.\.$/],
  ["directory", /^$/],
  ["shard", /^[\w-]{2}$/],
  ["file", /^[\w-]{2}\/[^/]+$/]
]

const stepOf = (directory: string, { args, files, name, result, strings }: Call): Step | undefined => {
  const verb = verbs[name]
  if (verb === "write" && strings[0]?.startsWith("HTTP/1.1 ")) {
    return "answer"
  }
  const path = verb === "make" || verb === "rename" ? strings[0] : name === "copy_file_range" ? files[1] : files[0]
  const [place] = places.find(([, pattern]) => pattern.test(relative(directory, path ?? "/"))) ?? []
  return verb === undefined || place === undefined || Number(result) < 0
      || (name === "openat" && !args.includes("O_CREAT"))
    ? undefined
    : `${verb} ${place}`
}

/** The syncs of a file and of the directories above it may come in any order. */
const groupOf = (step: Step) => (step.startsWith("sync") && step !== "sync log" ? "sync" : step)

/** The stages of each answer, in order. */
export const answers = (directory: string, calls: ReadonlyArray<Call>): ReadonlyArray<ReadonlyArray<Stage>> => {
  const answers: Array<Array<Set<Step>>> = []
  let stages: Array<Set<Step>> = []
  let group = ""
  let end = -1
  for (const call of calls) {
    const step = stepOf(directory, call)
    if (step === undefined) {
      continue
    }
    const stage = call.begin < end || groupOf(step) === group ? stages.at(-1) : undefined
    if (stage === undefined) {
      stages.push(new Set([step]))
    } else {
      stage.add(step)
    }
    group = groupOf(step)
    end = Math.max(end, call.end)
    if (step === "answer") {
      answers.push(stages)
      stages = []
      group = ""
    }
  }
  return answers.map((stages) => stages.map((stage) => Array.from(stage).toSorted()))
}

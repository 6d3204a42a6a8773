/**
 * From what was named on the command line to the files that are uploaded.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import { basename, extname, join, resolve, sep } from "node:path"
import * as StreamSource from "../client/StreamSource.js"
import * as SystemReason from "../client/SystemReason.js"
import { SourceError } from "../client/UploadSource.js"
import * as FileSource from "../node-client/FileSource.js"
import * as Directory from "./Directory.js"
import { UsageError } from "./Failure.js"
import type { Job } from "./Job.js"
import { Output } from "./Output.js"
import * as Text from "./Text.js"

export interface Options {
  readonly endpoint: string
  readonly metadata: Readonly<Record<string, string>>
  readonly recursive: boolean
  /** What the standard input is called. */
  readonly name: Option.Option<string>
}

/** A file that is named twice is uploaded once. One that cannot be read fails when its turn comes. */
export const collect = Effect.fnUntraced(function*(operands: ReadonlyArray<string>, options: Options) {
  const jobs = new Map<string, Job>()
  for (const operand of operands) {
    for (const [key, job] of yield* expand(operand, options)) {
      if (!jobs.has(key)) {
        jobs.set(key, job)
      }
    }
  }
  return [...jobs.values()]
})

const expand = Effect.fnUntraced(function*(operand: string, options: Options) {
  if (operand === "-") {
    return [["-", standardInput(options)] as const]
  }
  const fs = yield* FileSystem.FileSystem
  const path = resolve(operand)
  const info = yield* Effect.option(fs.stat(path))
  if (!Option.exists(info, ({ type }) => type === "Directory")) {
    return [[path, file(operand, path, sizeOf(info), options, {})] as const]
  }
  return options.recursive
    ? yield* directory(operand, path, options)
    : yield* new UsageError({ message: `${Text.clean(operand)} is a directory; say -r to upload what is in it` })
})

const directory = Effect.fnUntraced(function*(operand: string, path: string, options: Options) {
  const output = yield* Output
  const jobs: Array<readonly [string, Job]> = []
  for (const found of yield* Directory.walk(path)) {
    const shown = join(operand, found.path)
    const at = join(path, found.path)
    switch (found._tag) {
      case "File": {
        const relativePath = join(basename(path), found.path).split(sep).join("/")
        jobs.push([at, file(shown, at, found.size, options, { relativePath })])
        break
      }
      case "Other":
        yield* output.say(`effect-tus: ${Text.clean(shown)} is left out: it is no file but a ${found.type}`)
        break
      case "Unreadable": {
        const detail = `the directory cannot be read: ${SystemReason.of(found.cause)}`
        jobs.push([at, failing(shown, options, { reason: "Unreadable", source: at, detail, cause: found.cause })])
      }
    }
  }
  const detail = "there is no file in the directory"
  return jobs.length > 0
    ? jobs
    : [[path, failing(operand, options, { reason: "Missing", source: path, detail })] as const]
})

/** It fails when its turn comes, as a file does that is not there: nothing else has to wait for it to be mended. */
const failing = (
  shown: string,
  options: Options,
  error: ConstructorParameters<typeof SourceError>[0]
): Job => ({ ...file(shown, error.source, Option.some(0), options, {}), open: Effect.fail(new SourceError(error)) })

const sizeOf = (info: Option.Option<FileSystem.File.Info>) =>
  Option.map(Option.filter(info, ({ type }) => type === "File"), ({ size }) => Number(size))

/** @param path - absolute, so that it is found again from anywhere */
export const file = (
  shown: string,
  path: string,
  size: Option.Option<number>,
  { endpoint, metadata }: Pick<Options, "endpoint" | "metadata">,
  more: Readonly<Record<string, string>>
): Job => ({
  name: Text.clean(shown),
  size,
  endpoint,
  metadata: { ...describe(basename(path)), ...more, ...metadata },
  open: FileSource.make(path),
  parts: Option.none(),
  resumable: true
})

const standardInput = ({ endpoint, metadata, name }: Options): Job => ({
  name: Text.clean(Option.getOrElse(name, () => "standard input")),
  size: Option.none(),
  endpoint,
  metadata: { ...Option.match(name, { onNone: () => ({}), onSome: describe }), ...metadata },
  open: StreamSource.make(NodeStream.stdin, { name: "standard input" }),
  parts: Option.none(),
  resumable: false
})

const describe = (filename: string): Readonly<Record<string, string>> => {
  const type = types[extname(filename).toLowerCase()]
  return type === undefined ? { filename } : { filename, filetype: type }
}

/** What servers most often want to know; the others tell types by the bytes. */
const types: Readonly<Record<string, string | undefined>> = {
  ".csv": "text/csv",
  ".gif": "image/gif",
  ".gz": "application/gzip",
  ".html": "text/html",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".json": "application/json",
  ".mkv": "video/x-matroska",
  ".mov": "video/quicktime",
  ".mp3": "audio/mpeg",
  ".mp4": "video/mp4",
  ".pdf": "application/pdf",
  ".png": "image/png",
  ".tar": "application/x-tar",
  ".txt": "text/plain",
  ".wav": "audio/wav",
  ".webm": "video/webm",
  ".webp": "image/webp",
  ".zip": "application/zip"
}

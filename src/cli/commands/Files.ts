/**
 * Finds the files to upload for the operands of the command line.
 */
import * as NodeStream from "@effect/platform-node/NodeStream"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import mime from "mime"
import type { Stats } from "node:fs"
import { basename, extname, join, sep } from "node:path"
import * as StreamSource from "../../client/sources/StreamSource.js"
import { SourceError } from "../../client/sources/UploadSource.js"
import * as SystemReason from "../../client/transport/SystemReason.js"
import * as FileSource from "../../node-client/FileSource.js"
import * as Place from "../options/Place.js"
import { UsageError } from "../terminal/Failure.js"
import type { Job } from "../terminal/FileUpload.js"
import { Output } from "../terminal/Output.js"
import * as Text from "../terminal/Text.js"
import * as Directory from "./Directory.js"

export interface Options {
  readonly endpoint: string
  readonly metadata: Readonly<Record<string, string>>
  readonly recursive: boolean
  /** The name of the standard input. */
  readonly name: Option.Option<string>
}

/** A file that is named twice is uploaded once. An unreadable file fails only when its turn comes. */
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
  const path = yield* Place.absolute(operand)
  const stats = yield* Effect.option(Directory.stat(path))
  if (!Option.exists(stats, (stats) => stats.isDirectory())) {
    return [[path, file(operand, path, sizeOf(stats), options, {})] as const]
  }
  return options.recursive
    ? yield* directory(operand, path, options)
    : yield* new UsageError({ message: `${Text.clean(operand)} is a directory; use -r to upload the files in it` })
})

const directory = Effect.fnUntraced(function*(operand: string, path: string, options: Options) {
  const output = yield* Output
  const jobs: Array<readonly [string, Job]> = []
  const left: Array<Directory.Other> = []
  for (const found of yield* Directory.walk(path)) {
    const shown = join(operand, found.path)
    const at = join(path, found.path)
    switch (found._tag) {
      case "File": {
        const relativePath = join(basename(path), found.path).split(sep).join("/")
        jobs.push([at, file(shown, at, Option.some(found.size), options, { relativePath })])
        break
      }
      case "Other":
        left.push(found)
        break
      case "Unreadable": {
        const detail = `it cannot be read: ${SystemReason.of(found.cause)}`
        jobs.push([at, failing(shown, options, { reason: "Unreadable", source: at, detail, cause: found.cause })])
      }
    }
  }
  if (left.length > 0) {
    yield* output.say(`effect-tus: ${Text.clean(operand)}: ${leftOut(left)}`)
  }
  const detail = "the directory contains no files"
  return jobs.length > 0
    ? jobs
    : [[path, failing(operand, options, { reason: "Missing", source: path, detail })] as const]
})

/** One line about entries that are not regular files; it names the first few. */
export const leftOut = (left: ReadonlyArray<Directory.Other>): string => {
  const names = left.slice(0, named).map(({ kind, path }) => `${Text.clean(path)} (a ${kind})`)
  const more = left.length - names.length
  return `skipped ${names.join(", ")}${more === 0 ? "" : ` and ${more} more`}${
    left.some(({ kind }) => kind === "link") ? "; links are followed only if they are named themselves" : ""
  }`
}

const named = 3

/** A file that fails when its turn comes, like a missing one, so that the others are uploaded. */
const failing = (
  shown: string,
  options: Options,
  error: ConstructorParameters<typeof SourceError>[0]
): Job => ({ ...file(shown, error.source, Option.some(0), options, {}), open: Effect.fail(new SourceError(error)) })

export const sizeOf = (stats: Option.Option<Stats>) =>
  Option.map(Option.filter(stats, (stats) => stats.isFile()), ({ size }) => size)

/** @param path - absolute, so that `resume` finds the file from any directory. */
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
  checksum: Option.none(),
  parts: Option.none(),
  resumable: true
})

const standardInput = ({ endpoint, metadata, name }: Options): Job => ({
  name: Text.clean(Option.getOrElse(name, () => "standard input")),
  size: Option.none(),
  endpoint,
  metadata: { ...Option.match(name, { onNone: () => ({}), onSome: describe }), ...metadata },
  open: StreamSource.make(NodeStream.stdin, { name: "standard input" }),
  checksum: Option.none(),
  parts: Option.none(),
  resumable: false
})

const describe = (filename: string): Readonly<Record<string, string>> => {
  const extension = extname(filename)
  const type = extension === "" ? null : mime.getType(extension)
  // `application/octet-stream` says nothing about the file.
  return type === null || type === "application/octet-stream" ? { filename } : { filename, filetype: type }
}

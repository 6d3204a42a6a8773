import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Fs from "node:fs"
import { createServer } from "node:net"
import { vi } from "vitest"
import * as Files from "../../src/cli/commands/Files.js"
import * as FilePath from "../../src/node-client/FilePath.js"
import { directory } from "../support/directory.js"
import { output } from "./output.js"
import * as Process from "./process.js"

/** A file system in which some directories cannot be read, not even by root. */
const closed = vi.hoisted(() => new Set<unknown>())

vi.mock("node:fs", async (original) => {
  const fs = await original<typeof Fs>()
  return {
    ...fs,
    readdir: (
      path: string,
      options: { encoding: "buffer" },
      done: (cause: Error | null, names: Array<Buffer>) => void
    ) =>
      closed.has(path)
        ? done(new Error(`EACCES: permission denied, scandir '${path}'`), [])
        : fs.readdir(path, options, done)
  }
})

const closing = <A, E, R>(path: string, effect: Effect.Effect<A, E, R>) =>
  Effect.acquireUseRelease(
    Effect.sync(() => closed.add(path)),
    () => effect,
    () => Effect.sync(() => closed.delete(path))
  )

const collect = (operands: ReadonlyArray<string>) =>
  Files.collect(operands, { endpoint: "http://a/files", metadata: {}, name: Option.none(), recursive: true })

/** The name of each file, with its size or the reason why it cannot be opened. */
const outcomes = (operands: ReadonlyArray<string>) =>
  Effect.flatMap(
    collect(operands),
    Effect.forEach((job) =>
      Effect.map(
        Effect.either(Effect.scoped(job.open)),
        (source) => [job.name, source._tag === "Left" ? source.left.detail : Option.getOrNull(source.right.length)]
      )
    )
  )

describe("the files of upload -r", () => {
  it.scoped("are those of a directory, each once, with their relative paths", () =>
    Effect.gen(function*() {
      const at = yield* directory
      Fs.mkdirSync(`${at}/d/sub`, { recursive: true })
      Process.file(at, "d/b", "1")
      Process.file(at, "d/sub/c", "22")
      const jobs = yield* collect([`${at}/d`, `${at}/d/b`])
      deepStrictEqual(jobs.map(({ metadata, size }) => [metadata["relativePath"], size]), [
        ["d/b", Option.some(1)],
        ["d/sub/c", Option.some(2)]
      ])
    }).pipe(Effect.provide(output().layer)))

  it.scoped("are no links, unless they are named, and no other special files", () => {
    const { layer, said } = output()
    return Effect.gen(function*() {
      const at = yield* directory
      Process.file(at, "secret", "of somebody else")
      Fs.mkdirSync(`${at}/d/sub`, { recursive: true })
      Process.file(at, "d/a", "1")
      Fs.symlinkSync("..", `${at}/d/sub/loop`)
      Fs.symlinkSync(`${at}/secret`, `${at}/d/link`)
      Fs.symlinkSync(`${at}/nothing`, `${at}/d/dangling`)
      const socket = createServer().listen(`${at}/d/socket`)
      yield* Effect.addFinalizer(() => Effect.async<void>((resume) => void socket.close(() => resume(Effect.void))))
      yield* Effect.promise(() => new Promise<void>((resolve) => socket.on("listening", () => resolve())))
      deepStrictEqual(yield* outcomes([`${at}/d`]), [[`${at}/d/a`, 1]])
      deepStrictEqual(said, [
        `effect-tus: ${at}/d: skipped dangling (a link), link (a link), socket (a socket) and 1 more; ` +
        "links are followed only if they are named themselves"
      ])

      Fs.symlinkSync(`${at}/d`, `${at}/whole`)
      deepStrictEqual(yield* outcomes([`${at}/whole`, `${at}/d/link`]), [[`${at}/whole/a`, 1], [`${at}/d/link`, 16]])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("may have names of any bytes, and each is reported and found by its own name", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const names = [
        Buffer.from("d\xe9/caf\xe8", "latin1"),
        Buffer.from("d\xe9/caf\xe9", "latin1"),
        Buffer.from("d\xe9/ok", "latin1")
      ]
      Fs.mkdirSync(FilePath.toSystem(`${at}/d\udce9`))
      names.forEach((name, i) => Fs.writeFileSync(Buffer.concat([Buffer.from(`${at}/`), name]), "x".repeat(i + 1)))
      const shown = [`${at}/d\ufffd/caf\ufffd`, `${at}/d\ufffd/caf\ufffd`, `${at}/d\ufffd/ok`]
      const expected = shown.map((name, i) => [name, i + 1])
      deepStrictEqual(yield* outcomes([`${at}/d\udce9`]), expected)
      deepStrictEqual(yield* outcomes(names.map((name) => `${at}/${FilePath.fromBytes(name)}`)), expected)
      const jobs = yield* collect([`${at}/d\udce9`])
      deepStrictEqual(
        jobs.map(({ metadata }) => [metadata["filename"], metadata["relativePath"]].map(String)).map(written),
        [
          ["caf\ufffd", "d\ufffd/caf\ufffd"],
          ["caf\ufffd", "d\ufffd/caf\ufffd"],
          ["ok", "d\ufffd/ok"]
        ]
      )
      const sources = yield* Effect.forEach(jobs, ({ open }) => Effect.map(Effect.scoped(open), ({ name }) => name))
      assert.strictEqual(new Set(sources).size, 3)
    }).pipe(Effect.provide(output().layer)))

  it.scoped("are all that can be read: an empty or unreadable directory does not stop the others", () =>
    Effect.gen(function*() {
      const at = yield* directory
      Fs.mkdirSync(`${at}/d/closed`, { recursive: true })
      Fs.mkdirSync(`${at}/empty`)
      Process.file(at, "d/a", "1")
      Process.file(at, "d/z", "22")
      Process.file(at, "last", "333")
      const denied = "it cannot be read: permission denied"
      const operands = [`${at}/d`, `${at}/empty`, `${at}/d/closed`, `${at}/last`]
      deepStrictEqual(yield* closing(`${at}/d/closed`, outcomes(operands)), [
        [`${at}/d/a`, 1],
        [`${at}/d/closed`, denied],
        [`${at}/d/z`, 2],
        [`${at}/empty`, "the directory contains no files"],
        [`${at}/last`, 3]
      ])
      deepStrictEqual(yield* closing(`${at}/d`, outcomes(operands)), [
        [`${at}/d`, denied],
        [`${at}/empty`, "the directory contains no files"],
        [`${at}/d/closed`, "the directory contains no files"],
        [`${at}/last`, 3]
      ])
    }).pipe(Effect.provide(output().layer)))
})

/** As Node decodes it. */
const written = (texts: ReadonlyArray<string>) => texts.map((text) => Buffer.from(text).toString())

describe("the media type of a file", () => {
  it.scoped("follows from the extension of its name, if that is known", () =>
    Effect.gen(function*() {
      const types = { "a.MP4": "video/mp4", "b.heic": "image/heic", "c.tar.gz": "application/gzip", "d.docx": docx }
      for (const [name, type] of Object.entries(types)) {
        deepStrictEqual((yield* collect([name]))[0]?.metadata, { filename: name, filetype: type })
      }
      for (const name of ["mp4", ".mp3", "a.nothing", "a.", "a.bin"]) {
        deepStrictEqual((yield* collect([name]))[0]?.metadata, { filename: name })
      }
    }).pipe(Effect.provide(output().layer)))
})

const docx = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"

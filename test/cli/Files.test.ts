import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { SystemError } from "@effect/platform/Error"
import * as FileSystem from "@effect/platform/FileSystem"
import { it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { mkdirSync, symlinkSync } from "node:fs"
import * as Files from "../../src/cli/Files.js"
import { Output } from "../../src/cli/Output.js"
import * as Process from "./process.js"

const nothing = () => Effect.void

/** What is said meanwhile. */
const output = () => {
  const said: Array<string> = []
  const layer = Layer.succeed(Output, {
    result: nothing,
    say: (line) => Effect.sync(() => said.push(line)),
    live: nothing,
    screen: Effect.succeedNone,
    seen: false,
    paint: (_, text) => text,
    columns: 100
  })
  return { said, layer }
}

/** A file system in which nobody may look into one of the directories, not even who may do anything. */
const closing = (path: string) =>
  Layer.effect(
    FileSystem.FileSystem,
    Effect.map(FileSystem.FileSystem, (fs) => ({
      ...fs,
      readDirectory: (directory: string, options?: FileSystem.ReadDirectoryOptions) =>
        directory === path
          ? Effect.fail(
            new SystemError({
              reason: "PermissionDenied",
              module: "FileSystem",
              method: "readDirectory",
              description: `EACCES: permission denied, scandir '${directory}'`
            })
          )
          : fs.readDirectory(directory, options)
    }))
  ).pipe(Layer.provide(NodeFileSystem.layer))

const collect = (operands: ReadonlyArray<string>) =>
  Files.collect(operands, { endpoint: "http://a/files", metadata: {}, name: Option.none(), recursive: true })

/** Of those that cannot be opened, what is said instead of the size. */
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

it.layer(NodeFileSystem.layer)("what is uploaded with -r", (it) => {
  it.scoped("is each file of a directory, told where it was, and no file twice", () =>
    Effect.gen(function*() {
      const at = yield* Process.place
      mkdirSync(`${at}/d/sub`, { recursive: true })
      Process.file(at, "d/b", "1")
      Process.file(at, "d/sub/c", "22")
      const jobs = yield* collect([`${at}/d`, `${at}/d/b`])
      deepStrictEqual(jobs.map(({ metadata, size }) => [metadata["relativePath"], size]), [
        ["d/b", Option.some(1)],
        ["d/sub/c", Option.some(2)]
      ])
    }).pipe(Effect.provide(output().layer)))

  it.scoped("is no link to a directory, which may lead back, and nothing else that is no file", () => {
    const { layer, said } = output()
    return Effect.gen(function*() {
      const at = yield* Process.place
      mkdirSync(`${at}/d`)
      Process.file(at, "d/a", "1")
      symlinkSync(".", `${at}/d/loop`)
      symlinkSync("/dev/null", `${at}/d/null`)
      deepStrictEqual(yield* outcomes([`${at}/d`]), [[`${at}/d/a`, 1]])
      deepStrictEqual(said, [
        `effect-tus: ${at}/d/loop is left out: it is no file but a link to a directory`,
        `effect-tus: ${at}/d/null is left out: it is no file but a CharacterDevice`
      ])
    }).pipe(Effect.provide(layer))
  })

  it.scoped("does not wait for a directory that cannot be read, nor for one in which there is nothing", () =>
    Effect.gen(function*() {
      const at = yield* Process.place
      mkdirSync(`${at}/d/closed`, { recursive: true })
      mkdirSync(`${at}/empty`)
      Process.file(at, "d/a", "1")
      Process.file(at, "d/z", "22")
      Process.file(at, "last", "333")
      const closed = "the directory cannot be read: permission denied"
      const operands = [`${at}/d`, `${at}/empty`, `${at}/d/closed`, `${at}/last`]
      deepStrictEqual(yield* Effect.provide(outcomes(operands), closing(`${at}/d/closed`)), [
        [`${at}/d/a`, 1],
        [`${at}/d/closed`, closed],
        [`${at}/d/z`, 2],
        [`${at}/empty`, "there is no file in the directory"],
        [`${at}/last`, 3]
      ])
      deepStrictEqual(yield* Effect.provide(outcomes(operands), closing(`${at}/d`)), [
        [`${at}/d`, closed],
        [`${at}/empty`, "there is no file in the directory"],
        [`${at}/d/closed`, "there is no file in the directory"],
        [`${at}/last`, 3]
      ])
    }).pipe(Effect.provide(output().layer)))
})

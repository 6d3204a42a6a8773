/**
 * Which users of the machine can read the files of a server.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { chmodSync, lstatSync, mkdirSync, readdirSync } from "node:fs"
import { join } from "node:path"
import { directory } from "../support/directory.js"
import { type Headers, locationOf, patch, post } from "../support/exchange.js"
import * as Raw from "../support/raw.js"

/** Runs a server that receives an upload in one request, one in two requests, and a final. */
const used = (place: string, permissions?: "owner" | "group") =>
  Effect.gen(function*() {
    const server = yield* Layer.build(NodeTusServer.layer({ directory: place, port: 0, permissions }))
    const ask = Raw.ask(Context.get(server, NodeTusServer.NodeTusServer).port)
    yield* Effect.promise(async () => {
      const create = async (headers: Headers, body?: string) => locationOf(await ask(post(headers, body)))
      const open = await create({ "upload-length": 6 }, "abc")
      await ask(patch(open, 3, "def"))
      const part = { "upload-length": 3, "upload-concat": "partial" }
      const parts = [await create(part, "abc"), await create(part, "abc")]
      await create({ "upload-concat": `final;${parts.join(" ")}` })
      await create({ "upload-length": 0 })
    })
  })

/** The modes of the directory and everything in it, by type. */
const modesIn = (place: string) => {
  const all = ["", ...readdirSync(place, { recursive: true, encoding: "utf8" })].map((name) =>
    lstatSync(join(place, name))
  )
  const modes = (of: typeof all) => Array.from(new Set(of.map(({ mode }) => (mode & 0o777).toString(8))))
  return {
    files: modes(all.filter((entry) => entry.isFile())),
    directories: modes(all.filter((entry) => entry.isDirectory()))
  }
}

describe.runIf(process.platform !== "win32")("the files of a server", () => {
  it.scopedLive("are private to their owner: uploads, database, log, locks, and the directories above them", () =>
    Effect.gen(function*() {
      const place = join(yield* directory, "above", "uploads")
      yield* used(place)
      deepStrictEqual(modesIn(join(place, "..")), { files: ["600"], directories: ["700"] })
    }))

  it.scopedLive("can be read by the group with an option", () =>
    Effect.gen(function*() {
      const place = join(yield* directory, "uploads")
      yield* used(place, "group")
      deepStrictEqual(modesIn(place), { files: ["640"], directories: ["750"] })
    }))

  it.scopedLive("keep the permissions that they have", () =>
    Effect.gen(function*() {
      const place = join(yield* directory, "uploads")
      mkdirSync(place)
      chmodSync(place, 0o751)
      yield* used(place)
      deepStrictEqual((lstatSync(place).mode & 0o777).toString(8), "751")
    }))
})

/**
 * The cost of a small file in operations of Effect's interpreter, which is the same on every machine. A change that
 * makes the way longer saves elsewhere on it, or explains here why it is worth it.
 */
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusUpload, UploadJournal } from "effect-tus/client"
import { FileSource, NodeTusClient } from "effect-tus/node-client"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as RuntimeFlags from "effect/RuntimeFlags"
import * as RuntimeFlagsPatch from "effect/RuntimeFlagsPatch"
import * as Struct from "effect/Struct"
import * as Supervisor from "effect/Supervisor"
import * as Fs from "node:fs"
import { join } from "node:path"
import { http } from "../node-client/servers.js"
import { directory } from "../support/directory.js"

/** Counts the operations of a fiber and of those that it starts. */
class Counting extends Supervisor.AbstractSupervisor<void> {
  readonly value = Effect.void
  fibers = 0
  operations = 0

  override onStart() {
    this.fibers += 1
  }
  override onEffect() {
    this.operations += 1
  }
}

const costOf = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const counting = new Counting()
    return effect.pipe(
      Effect.supervised(counting),
      Effect.withRuntimeFlagsPatch(RuntimeFlagsPatch.enable(RuntimeFlags.OpSupervision)),
      Effect.map(() => ({ fibers: counting.fibers, operations: counting.operations }))
    )
  })

const extensions = {
  "tus-resumable": "1.0.0",
  "tus-version": "1.0.0",
  "tus-extension": "creation,creation-with-upload"
}

/** A server that takes all bytes that come along with a creation, and nothing else. */
const server = http((request, response) => {
  let size = 0
  request.on("data", (bytes: Buffer) => {
    size += bytes.length
  }).on("end", () => {
    if (request.method === "OPTIONS") {
      response.writeHead(204, extensions).end()
    } else {
      response.writeHead(201, { ...extensions, "upload-offset": size, "location": "/files/a" }).end()
    }
  })
})

/** Lower a number if you can. All of it is done by one fiber. */
const worth = {
  "a file": 19,
  "its upload": 94,
  "its upload, with a journal": 205
}

describe("a file of 10 KiB", () => {
  it.scopedLive("takes no more operations of Effect than it is worth", () =>
    Effect.gen(function*() {
      const at = yield* directory
      const path = join(at, "small")
      Fs.writeFileSync(path, new Uint8Array(10 * 1024))
      const { url } = yield* server
      const upload = Effect.flatMap(FileSource.make(path), (source) => costOf(TusUpload.run({ endpoint: url, source })))
      const journal = Layer.provide(UploadJournal.layerFileSystem(join(at, "journal")), NodeContext.layer)
      const costs = yield* Effect.gen(function*() {
        // The first upload asks what the server supports.
        yield* upload
        return {
          "a file": yield* costOf(FileSource.make(path)),
          "its upload": yield* upload,
          "its upload, with a journal": yield* Effect.provide(upload, journal)
        }
      }).pipe(Effect.provide(NodeTusClient.layer({ proxy: false })))
      deepStrictEqual(
        Struct.keys(worth).map((name) => [name, costs[name].operations] as const).filter(([name, cost]) =>
          cost > worth[name]
        ),
        []
      )
      assert.strictEqual(costs["its upload"].fibers, 0)
      assert.isFalse(Fs.existsSync(join(at, "journal")))
    }))
})

/**
 * A directory that goes with the scope, and a store in one.
 */
import { FileByteStore } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

export const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-tus-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

export const layerTemporary = Layer.unwrapScoped(
  Effect.map(directory, (directory) => FileByteStore.layer({ directory }))
)

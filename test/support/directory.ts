import * as Effect from "effect/Effect"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** A new directory, which is removed with the scope. */
export const directory = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-tus-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

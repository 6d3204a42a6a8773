/**
 * States in a real database in a real file, which outlives the connections of the processes. When a process dies, its
 * connection is closed, and SQLite rolls back its open transaction.
 */
import * as SqliteClient from "@effect/sql-sqlite-node/SqliteClient"
import { BootId } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import * as SqlUploadRegistry from "../../../src/sql/SqlUploadRegistry.js"
import type { Backing } from "./Database.js"
import type { Process } from "./Kernel.js"

/** @param directory - an empty directory of the real file system. */
export const make = (directory: string): Backing => {
  const connections = new Map<Process, Scope.CloseableScope>()
  let files = 0

  const abandon = (process: Process) => {
    const scope = connections.get(process)
    if (scope !== undefined) {
      Effect.runSync(Scope.close(scope, Exit.void))
      connections.delete(process)
    }
  }

  return {
    open: (process, boot) =>
      Effect.gen(function*() {
        const scope = yield* Scope.make()
        connections.set(process, scope)
        const client = yield* Effect.orDie(Layer.buildWithScope(
          SqliteClient.layer({ filename: join(directory, `${files}.sqlite`) }),
          scope
        ))
        return yield* SqlUploadRegistry.make.pipe(
          Effect.provide(client),
          Effect.provideService(BootId.BootId, Option.some(boot))
        )
      }),
    abandon,
    reset: () => {
      connections.forEach((_, process) => abandon(process))
      files++
    },
    immediate: false
  }
}

/**
 * `effect-tus doctor` at a server of another project.
 */
import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { FileStore } from "@tus/file-store"
import { Server } from "@tus/server"
import * as Effect from "effect/Effect"
import { readdirSync } from "node:fs"
import { http } from "../node-client/servers.js"
import { doctor } from "../proxies/examination.js"
import { directory } from "../support/directory.js"

describe("effect-tus doctor", () => {
  it.scopedLive("finds no problem at @tus/server, and removes what it has created", () =>
    Effect.gen(function*() {
      const path = yield* directory
      const tus = new Server({ path: "/files", datastore: new FileStore({ directory: path }) })
      const { url } = yield* http((request, response) => void tus.handle(request, response))
      const { problems, said } = yield* doctor(url)
      deepStrictEqual(problems, [], said)
      deepStrictEqual(readdirSync(path), [])
    }))
})

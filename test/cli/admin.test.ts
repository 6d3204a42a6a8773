import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { NodeTusServer } from "effect-tus/node"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { existsSync } from "node:fs"
import { join } from "node:path"
import * as Process from "./process.js"

const create = async (url: string, headers: Readonly<Record<string, string>>, body?: string) => {
  const response = await fetch(url, {
    method: "POST",
    headers: { "tus-resumable": "1.0.0", ...headers },
    ...(body === undefined ? {} : { body })
  })
  return response.headers.get("location")?.split("/").at(-1) ?? ""
}

/** A directory with an upload that has not begun and one that is complete, which a server has left. */
const left = Effect.gen(function*() {
  const at = yield* Process.place
  const scope = yield* Scope.make()
  const server = yield* Layer.buildWithScope(NodeTusServer.layer({ port: 0, directory: join(at, "uploads") }), scope)
  const { url } = Context.get(server, NodeTusServer.NodeTusServer)
  const ids = yield* Effect.promise(async () => ({
    open: await create(url, { "upload-length": "10", "upload-metadata": `filename ${btoa("a b.txt")}` }),
    complete: await create(url, { "upload-length": "3", "content-type": "application/offset+octet-stream" }, "abc")
  }))
  return { at, ids, stop: Scope.close(scope, Exit.void) }
})

describe("the command admin", { concurrent: true, timeout: 120_000 }, () => {
  it.scopedLive("shows, keeps and removes uploads", () =>
    Effect.gen(function*() {
      const { at, ids, stop } = yield* left
      yield* stop
      const all = yield* Process.run(at, ["admin", "list"])
      assert.strictEqual(all.code, 0)
      deepStrictEqual(all.out.map((line) => line.split("  ")[0]), [ids.open, ids.complete].toSorted())
      assert.match(all.stdout, new RegExp(`^${ids.open}  open  0% of 10 B  created .* ago  a b\\.txt$`, "m"))
      assert.match(all.stdout, new RegExp(`^${ids.complete}  complete  100% of 3 B  created .* ago$`, "m"))

      const extended = yield* Process.run(at, ["admin", "extend", ids.open, "--for", "10 days"])
      assert.match(extended.stdout, /expires in (10 d|9 d 23 h)/)
      const inspected = yield* Process.run(at, ["admin", "inspect", `http://a.b/files/${ids.complete}?x`, "--json"])
      const facts = JSON.parse(inspected.stdout)
      assert.deepInclude(facts, {
        id: ids.complete,
        state: "complete",
        offset: 3,
        length: 3,
        owner: null,
        expires: null
      })
      assert.isTrue(existsSync(facts.location))

      const removed = yield* Process.run(at, ["admin", "terminate", ids.complete, "x".repeat(22)])
      deepStrictEqual([removed.code, removed.err], [
        1,
        [`${ids.complete} is gone`, `effect-tus: no upload "${"x".repeat(22)}" here`]
      ])
      assert.isFalse(existsSync(facts.location))
    }))

  it.scopedLive("says what is missing, and makes nothing", () =>
    Effect.gen(function*() {
      const at = yield* Process.place
      const nowhere = yield* Process.run(at, ["admin", "list", "--dir", "none"])
      deepStrictEqual([nowhere.code, nowhere.err], [
        1,
        [`effect-tus: ${join(at, "none")}: no server has kept uploads here`]
      ])
      assert.isFalse(existsSync(join(at, "none")))
      const which = yield* Process.run(at, ["admin", "inspect"])
      deepStrictEqual([which.code, which.err], [
        2,
        ["effect-tus: inspect: expected ids of uploads; see effect-tus admin --help"]
      ])
    }))

  it.scopedLive("leaves alone what a server is using", () =>
    Effect.gen(function*() {
      const { at, stop } = yield* left
      const refused = yield* Process.run(at, ["admin", "list"])
      assert.strictEqual(refused.code, 1)
      assert.match(refused.stderr, /which another server is using/)
      yield* stop
    }))
})

/**
 * `effect-tus admin`: the uploads in a directory that no server uses at the moment. Loaded only when it is asked for, like the
 * server.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import { FileSystem } from "@effect/platform/FileSystem"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { join, resolve } from "node:path"
import { type Upload, UploadId } from "../protocol/Upload.js"
import { CommandError, Reported, sentence, UsageError } from "./Failure.js"
import * as Flags from "./Flags.js"
import * as Json from "./Json.js"
import * as Missing from "./Missing.js"
import { Output } from "./Output.js"
import * as Stored from "./Stored.js"

const actions = ["list", "inspect", "extend", "terminate"] as const

const action = Args.text({ name: "ACTION" }).pipe(
  Args.withDescription(
    "list: all uploads. inspect ID...: what is known. extend ID...: how long they live. terminate ID...: remove them."
  ),
  Args.mapEffect((text) =>
    Effect.mapError(
      Effect.fromNullable(actions.find((action) => action === text)),
      () => wrong(`expected one of ${actions.join(", ")}, got ${JSON.stringify(text)}`)
    )
  )
)

const ids = Args.text({ name: "ID" }).pipe(
  Args.withDescription("The ids of uploads, the last part of their URLs."),
  Args.mapEffect((text) =>
    Effect.mapError(
      Schema.decode(UploadId)(text.replace(/[?#].*$/s, "").split("/").at(-1) ?? ""),
      () => wrong(`expected the id or the URL of an upload, got ${JSON.stringify(text)}`)
    )
  ),
  Args.repeated
)

const wrong = (message: string) => HelpDoc.p(message)

export const command = Command.make("admin", {
  action,
  ids,
  directory: Flags.store,
  life: Flags.life("for").pipe(
    Options.withDescription(
      `With extend, how long they live from now on: "1 day" by default, "never" ends it for none.`
    )
  ),
  json: Flags.json,
  debug: Flags.debug
}, ({ action, directory, ids, json, life }) =>
  Effect.gen(function*() {
    const output = yield* Output
    if ((action === "list") !== (ids.length === 0)) {
      return yield* new UsageError({
        message: action === "list" ? "list takes no ids" : `${action}: expected ids of uploads`
      })
    }
    const place = resolve(directory)
    if (!(yield* Effect.flatMap(FileSystem, ({ exists }) => exists(join(place, "uploads.sqlite"))))) {
      return yield* new CommandError({ message: `${place}: no server has kept uploads here` })
    }
    const { layer, TusAdmin } = yield* load(place)
    yield* Effect.provide(
      Effect.gen(function*() {
        const admin = yield* TusAdmin
        const now = yield* DateTime.now
        const show = (upload: Upload, location: Option.Option<string> = Option.none()) =>
          output.result(json ? Json.print(Stored.facts(upload, location)) : Stored.line(upload, now))
        let failed = false
        const each = (act: (id: UploadId) => Effect.Effect<unknown, unknown>) =>
          Effect.forEach(ids, (id) =>
            Effect.catchAll(act(id), (error) => {
              failed = true
              return output.say(`effect-tus: ${sentence(error)}`)
            }), { discard: true })
        switch (action) {
          case "list":
            yield* Stream.runForEach(admin.list, (upload) => show(upload))
            break
          case "inspect":
            yield* each((id) => Effect.flatMap(admin.inspect(id), ({ location, upload }) => show(upload, location)))
            break
          case "extend":
            yield* each((id) =>
              Effect.flatMap(admin.extend(id, Option.map(life, (life) => DateTime.addDuration(now, life))), (upload) =>
                show(upload))
            )
            break
          case "terminate":
            yield* each((id) =>
              Effect.zipRight(admin.terminate(id), output.say(`${id} is gone`))
            )
        }
        if (failed) {
          return yield* new Reported()
        }
      }),
      layer
    )
  })).pipe(Command.withDescription("Shows, keeps and removes the uploads in a directory that no server uses."))

const load = (directory: string) =>
  Effect.tryPromise({
    try: () =>
      Promise.all([import("../node/EmbeddedStore.js"), import("../server/TusAdmin.js")]).then(
        ([EmbeddedStore, { layer, TusAdmin }]) => ({
          TusAdmin,
          layer: Layer.mapError(
            Layer.provide(layer, EmbeddedStore.layer({ directory })),
            (cause) => new CommandError({ message: sentence(cause), cause })
          )
        })
      ),
    catch: (cause) =>
      new CommandError({ message: Missing.sentence(cause) ?? `the store cannot be loaded: ${sentence(cause)}`, cause })
  })

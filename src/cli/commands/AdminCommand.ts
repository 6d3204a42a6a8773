/**
 * `effect-tus admin`: the uploads in a directory, beside a running server or without one. Actions that change them are
 * refused beside a server.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import { FileSystem } from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import { join, resolve } from "node:path"
import * as Flags from "../options/Flags.js"
import { CommandError, Reported, sentence } from "../terminal/Failure.js"
import * as AdminActions from "./AdminActions.js"

const action = Args.text({ name: "ACTION" }).pipe(
  Args.withDescription(
    "list: show all uploads. inspect ID...: show some. extend ID...: let them expire later. terminate ID...: remove them. orphans list|restore|remove: handle bytes that were set aside. backup: copy the database."
  ),
  Args.mapEffect((text) =>
    Effect.mapError(
      Effect.fromNullable(AdminActions.names.find((action) => action === text)),
      () => HelpDoc.p(`expected one of ${AdminActions.names.join(", ")}, got ${JSON.stringify(text)}`)
    )
  )
)

const operands = Args.text({ name: "ID" }).pipe(
  Args.withDescription("Upload ids, the last part of their URLs; after orphans, its own action comes first."),
  Args.repeated
)

export const command = Command.make("admin", {
  action,
  operands,
  directory: Flags.store,
  life: Flags.life("for").pipe(
    Options.withDescription(
      `With extend, how long from now they expire: "1 day" by default, or "never".`
    )
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("PATH"),
    Options.optional,
    Options.withDescription(
      "With backup and orphans restore, the file to write. It must not exist yet."
    )
  ),
  json: Flags.json,
  debug: Flags.debug
}, ({ action, directory, ...asked }) =>
  Effect.gen(function*() {
    const place = resolve(directory)
    const act = yield* AdminActions.plan(action, { ...asked, place })
    const { exists } = yield* FileSystem
    if (!(yield* exists(AdminActions.needsDatabase(action) ? join(place, "uploads.sqlite") : place))) {
      return yield* new CommandError({
        message: `${place}: no server has stored uploads here; --dir names the directory of a server`
      })
    }
    const store = yield* load
    yield* Effect.mapError(act(store), told)
  })).pipe(
    Command.withDescription(
      "Shows, extends, copies and removes uploads in the directory of a server."
    )
  )

/** One sentence, with the names of this command's options. */
const told = (error: unknown) =>
  error instanceof Reported || error instanceof CommandError
    ? error
    : new CommandError({ message: sentence(error).replace("adopt: true", "effect-tus serve --adopt"), cause: error })

const load = Effect.promise(() => import("./AdminStore.js"))

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
    "list: all uploads. inspect ID...: what is known. extend ID...: how long they live. terminate ID...: remove them. orphans list|restore|remove: what was set aside. backup: copy the database."
  ),
  Args.mapEffect((text) =>
    Effect.mapError(
      Effect.fromNullable(AdminActions.names.find((action) => action === text)),
      () => HelpDoc.p(`expected one of ${AdminActions.names.join(", ")}, got ${JSON.stringify(text)}`)
    )
  )
)

const operands = Args.text({ name: "ID" }).pipe(
  Args.withDescription("The ids of uploads, the last part of their URLs; with orphans first what to do."),
  Args.repeated
)

export const command = Command.make("admin", {
  action,
  operands,
  directory: Flags.store,
  life: Flags.life("for").pipe(
    Options.withDescription(
      `With extend, how long they live from now on: "1 day" by default, "never" ends it for none.`
    )
  ),
  to: Options.text("to").pipe(
    Options.withPseudoName("PATH"),
    Options.optional,
    Options.withDescription(
      "With backup, and with orphans restore, the file to write, which must not be there yet."
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
      return yield* new CommandError({ message: `${place}: no server has kept uploads here` })
    }
    const store = yield* load
    yield* Effect.mapError(act(store), told)
  })).pipe(Command.withDescription("Shows, keeps, copies and removes what lies in a directory of uploads."))

/** One sentence, with the names of this command's options. */
const told = (error: unknown) =>
  error instanceof Reported || error instanceof CommandError
    ? error
    : new CommandError({ message: sentence(error).replace("adopt: true", "effect-tus serve --adopt"), cause: error })

const load = Effect.promise(() => import("./AdminStore.js"))

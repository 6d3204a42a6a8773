/**
 * Where the command is, and where its user is at home. Either may be nowhere: the directory may have been removed
 * meanwhile, and the user of a container has no home and no name. Node throws then.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { CommandError } from "../terminal/Failure.js"
import * as Text from "../terminal/Text.js"

/** From anywhere. */
export const absolute = (path: string): Effect.Effect<string, CommandError> =>
  Effect.try({
    try: () => resolve(path),
    catch: (cause) =>
      new CommandError({
        message: `the directory in which the command runs is gone: say where ${
          Text.clean(path)
        } is from /, or go to another`,
        cause
      })
  })

/**
 * Where programs keep their state. "All paths set in these environment variables must be absolute", XDG Base Directory
 * Specification.
 */
export const state = Effect.gen(function*() {
  const said = yield* Effect.orElseSucceed(Config.string("XDG_STATE_HOME"), () => "")
  return isAbsolute(said) ? said : join(yield* home, ".local", "state")
})

const home = Effect.try({ try: homedir, catch: (cause) => homeless(cause) }).pipe(
  Effect.filterOrFail(isAbsolute, (path) => homeless(path))
)

const homeless = (cause: unknown) =>
  new CommandError({
    message:
      "nobody knows where your home is: say where unfinished uploads are remembered with --journal DIR or XDG_STATE_HOME",
    cause
  })

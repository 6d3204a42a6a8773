/**
 * The working directory and the home directory. Either may be missing, and then Node throws: the directory may have
 * been removed, and a container user may have neither home nor name.
 */
import * as Config from "effect/Config"
import * as Effect from "effect/Effect"
import { homedir } from "node:os"
import { isAbsolute, join, resolve } from "node:path"
import { CommandError } from "../terminal/Failure.js"
import * as Text from "../terminal/Text.js"

/** The absolute path. */
export const absolute = (path: string): Effect.Effect<string, CommandError> =>
  Effect.try({
    try: () => resolve(path),
    catch: (cause) =>
      new CommandError({
        message: `the working directory was removed: give ${
          Text.clean(path)
        } as an absolute path, or change to another directory`,
        cause
      })
  })

/**
 * The state directory of the user. "All paths set in these environment variables must be absolute", XDG Base Directory
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
      "there is no home directory in which to record unfinished uploads: use --journal DIR, or set XDG_STATE_HOME",
    cause
  })

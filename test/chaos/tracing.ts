/**
 * The running example under strace. Needs the right to trace processes of one's own.
 */
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startExample } from "../example.js"
import { directory } from "../interop/server.js"
import { answers, traced } from "./steps.js"
import { parse } from "./strace.js"

/** Returns with the result of `use` what the server did for each of its answers. */
export const tracing = <A, E, R>(durability: string, use: (port: number) => Effect.Effect<A, E, R>) =>
  Effect.gen(function*() {
    const home = yield* directory
    const uploads = join(home, "uploads")
    const output = join(home, "trace")
    const strace = ["strace", "-f", "-y", "-s", "64", "-e", `trace=${traced}`, "-o", output]
    // What goes through io_uring is no system call.
    const env = { UPLOAD_DIR: uploads, DURABILITY: durability, UV_USE_IO_URING: "0" }
    const result = yield* Effect.acquireUseRelease(
      Effect.promise(() => startExample("node-server", env, strace)),
      ({ url }) => use(Number(new URL(url).port)),
      // Strace outlives what it traces, to write down its end, and not the other way round.
      ({ ended }) =>
        Effect.promise(() => {
          process.kill(Number.parseInt(readFileSync(output, "utf8")), "SIGKILL")
          return ended
        })
    )
    return { result, seen: answers(uploads, parse(readFileSync(output, "utf8"))) }
  })

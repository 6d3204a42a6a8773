/**
 * Runs a server under strace, which needs the permission to trace one's own processes.
 */
import type { NodeTusServer } from "effect-tus/node"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { startExample } from "../example.js"
import { directory } from "../support/directory.js"
import { answers, traced } from "./steps.js"
import { parse } from "./strace.js"

/** Returns the result of `use`, which is told the port and the directory, and the stages of each answer. */
export const tracing = <A, E, R>(
  options: Pick<NodeTusServer.Options, "durability" | "smallUploads">,
  use: (port: number, uploads: string) => Effect.Effect<A, E, R>
) =>
  Effect.gen(function*() {
    const home = yield* directory
    const uploads = join(home, "uploads")
    const output = join(home, "trace")
    const strace = ["strace", "-f", "-y", "-s", "64", "-e", `trace=${traced}`, "-o", output]
    // Without io_uring, whose operations are no system calls.
    const env = {
      SERVING: JSON.stringify({ directory: uploads, port: 0, ...options }),
      UV_USE_IO_URING: "0"
    }
    const result = yield* Effect.acquireUseRelease(
      Effect.promise(() => startExample("../test/chaos/serving", env, strace)),
      ({ url }) => use(Number(new URL(url).port), uploads),
      // strace has to outlive the server to record its end.
      ({ ended }) =>
        Effect.promise(() => {
          process.kill(Number.parseInt(readFileSync(output, "utf8")), "SIGKILL")
          return ended
        })
    )
    return { result, seen: answers(uploads, parse(readFileSync(output, "utf8"))) }
  })

/**
 * Examines a server and everything in front of it: creates an upload, cuts a request off in the middle of its body,
 * looks how many bytes were kept, and removes the upload.
 */
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { capabilities } from "../../client/requests/ResponseReader.js"
import { sentence } from "../terminal/Failure.js"
import * as CorsCheck from "./CorsCheck.js"
import * as Diagnosis from "./Diagnosis.js"
import { type Finding, note, ok, problem } from "./Finding.js"
import * as Probe from "./Probe.js"

export interface Told {
  /** The URL of the collection. */
  readonly url: string
  /** Sent with every request. */
  readonly headers: Readonly<Record<string, string>>
  /** The longest time without any byte. */
  readonly timeout: Duration.Duration
  /** The origin of pages that should be able to upload. */
  readonly origin: Option.Option<string>
}

type Tell = (finding: Finding) => Effect.Effect<void>

/**
 * The body sizes to try, in this order, until one is accepted. The default limits of common proxies lie between them.
 */
const sizes = [1024 ** 3, 100 * 1024 ** 2, 10 * 1024 ** 2, 1024 ** 2, 128 * 1024] as const

/** Calls `tell` with each finding at once. */
export const run = Effect.fnUntraced(function*(told: Told, tell: Tell) {
  const origin = Option.getOrElse(told.origin, () => "https://example.org")
  const probe = yield* Probe.make({ ...told, headers: { ...told.headers, origin } })
  yield* examine(told, origin, probe, tell).pipe(
    Effect.catchAll((error) => tell(problem("server", sentence(error))))
  )
})

const examine = Effect.fnUntraced(function*({ origin, url }: Told, page: string, probe: Probe.Probe, tell: Tell) {
  const offered = yield* probe.ask("OPTIONS", url)
  yield* tell(Diagnosis.server(offered))
  const abilities = Option.isSome(capabilities(offered.headers))
    ? capabilities(offered.headers)
    // Something in front of the server may answer OPTIONS itself.
    : capabilities((yield* probe.ask("POST", url, { "x-http-method-override": "OPTIONS" })).headers)
  const extensions = Option.getOrElse(
    Option.flatMap(abilities, ({ extensions }) => extensions),
    (): ReadonlyArray<string> => []
  )
  const preflight = yield* probe.ask("OPTIONS", url, CorsCheck.preflightHeaders(page, extensions))

  const most = Option.getOrElse(Option.flatMap(abilities, ({ maxSize }) => maxSize), () => sizes[0])
  const length = Math.min(sizes[0], most)
  const created = yield* probe.ask("POST", url, {
    "upload-length": String(length),
    "upload-metadata": "filename ZWZmZWN0LXR1cyBkb2N0b3I="
  })
  const creation = Diagnosis.creation(created)
  const location = created.headers["location"] ?? ""
  yield* tell(creation)
  if (creation.level === "problem") {
    return
  }
  yield* tell(Diagnosis.location(url, location))
  yield* tell(
    CorsCheck.diagnose({ origin: page, preflight, answer: created, extensions, wanted: Option.isSome(origin) })
  )
  if (URL.canParse(location, url)) {
    // If Location names another host, the same path is examined on this one.
    const { pathname, search } = new URL(location, url)
    yield* examineUpload(new URL(`${pathname}${search}`, url).href, length, extensions, probe, tell)
  }
})

const examineUpload = (
  url: string,
  length: number,
  extensions: ReadonlyArray<string>,
  probe: Probe.Probe,
  tell: Tell
) =>
  Effect.gen(function*() {
    const head = Diagnosis.head(yield* probe.ask("HEAD", url))
    yield* tell(head)
    if (head.level === "problem") {
      return yield* tell(note("delete", `the created upload may still exist: ${url}`))
    }
    yield* examineBodies(url, length, probe, tell)
    yield* tell(Diagnosis.override(yield* probe.override(url)))
    yield* extensions.includes("termination")
      ? remove(url, probe, tell)
      : tell(note("delete", `the server does not support termination, so this upload stays: ${url}`))
  }).pipe(Effect.onError(() => Effect.ignore(probe.ask("DELETE", url))))

/** Finds the largest accepted size, and whether a proxy buffers bodies. */
const examineBodies = Effect.fnUntraced(function*(url: string, length: number, probe: Probe.Probe, tell: Tell) {
  let refused = Option.none<number>()
  let how: string | undefined
  for (const size of [length, ...sizes.filter((size) => size < length)]) {
    const offset = yield* probe.offsetOf(url)
    const tried = yield* Effect.either(probe.cut(url, offset, size))
    if (Either.isLeft(tried)) {
      const error = tried.left
      if (error._tag !== "Unanswered" || error.reason !== "Closed" || size === sizes.at(-1)) {
        return yield* tell(problem("patch", sentence(error)))
      }
      // The size may be the reason for the closed connection.
      refused = Option.some(size)
      how = "close the connection without an answer"
      continue
    }
    const { answer, sent } = tried.right
    if (Option.isNone(answer)) {
      const kept = yield* probe.keptOf(url, offset)
      yield* tell(ok("patch", "PATCH reaches the server"))
      yield* tell(Diagnosis.size(refused, Option.some(size), how))
      return yield* tell(Diagnosis.buffering({ sent, kept }))
    }
    if (answer.value.status !== 413) {
      return yield* tell(Diagnosis.blocked("PATCH", answer.value))
    }
    refused = Option.some(size)
    how = undefined
  }
  yield* tell(Diagnosis.size(refused, Option.none()))
})

const remove = Effect.fnUntraced(function*(url: string, probe: Probe.Probe, tell: Tell) {
  const answer = yield* probe.ask("DELETE", url)
  if (answer.status === 204) {
    return yield* tell(ok("delete", "the upload was removed"))
  }
  yield* tell(Diagnosis.blocked("DELETE", answer))
  yield* probe.ask("POST", url, { "x-http-method-override": "DELETE" })
})

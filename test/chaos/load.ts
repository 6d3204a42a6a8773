/**
 * One client that uploads in all ways, one after another.
 */
import * as Effect from "effect/Effect"
import * as Exchange from "../support/exchange.js"
import type { Content, Entry, UsageLedger } from "./ledger.js"
import type { Lives } from "./lives.js"
import * as Uploader from "./uploader.js"

const kibibyte = 1024
const mebibyte = 1024 * kibibyte

/** How many complete uploads a client leaves on the server. */
const most = 8

export const make = (random: () => number, lives: Lives, ledger: UsageLedger) => {
  const { ask, create, finish, terminate } = Uploader.make(lives, ledger)
  const below = (limit: number) => Math.floor(random() * limit)
  const stored: Array<Entry> = []

  const upload = Effect.fnUntraced(function*(content: Content, creation: Uploader.Creation, next: Uploader.Next) {
    const entry = yield* create(content, creation)
    yield* finish(entry, next)
    stored.push(entry)
  })

  const parallel = Effect.fnUntraced(function*(joins: "before" | "after") {
    const content = ledger.content(random() < 0.5 ? 6 * mebibyte : 100 * kibibyte)
    const cut = below(content.length)
    const parts = yield* Effect.forEach(
      [{ ...content, length: cut }, { start: content.start + cut, length: content.length - cut }],
      (part) => create(part, { headers: { "upload-length": part.length, "upload-concat": "partial" } })
    )
    const next = pieces(random() < 0.5 ? 8 * mebibyte : Math.ceil(content.length / (1 + below(30))))
    const fill = Effect.forEach(parts, (part) => finish(part, next), { concurrency: "unbounded" })
    const join = create(content, {
      isFinal: true,
      headers: { "upload-concat": `final;${parts.map(({ path }) => path).join(" ")}` }
    })
    const final = yield* joins === "before" ? Effect.zipLeft(join, fill) : Effect.zipRight(fill, join)
    yield* Effect.repeat(ask(final), { until: () => final.state !== "Open" })
    stored.push(...parts, final)
  })

  const kinds: ReadonlyArray<() => Effect.Effect<unknown>> = [
    () => upload(ledger.content(24 * mebibyte), {}, pieces(24 * mebibyte)),
    () => upload(ledger.content(mebibyte), {}, pieces((10 + below(200)) * kibibyte)),
    // Long enough that a body without a checksum is committed while it arrives.
    () => upload(ledger.content(24 * mebibyte), { step: 10_000_000 }, pieces(10_000_000, Exchange.checked)),
    () => upload(ledger.content(4 * mebibyte), { step: 300_000 }, pieces(300_000, Exchange.trailed)),
    () =>
      upload(ledger.content(2 * mebibyte), { headers: { "upload-defer-length": 1 } }, (path, at, rest) => {
        const piece = rest.subarray(0, 500_000)
        return Exchange.patch(path, at, piece, piece.length < rest.length ? {} : { "upload-length": at + rest.length })
      }),
    // Around the size up to which uploads may stay in the database.
    () => upload(ledger.content(100 * kibibyte), {}, pieces((1 + below(40)) * kibibyte)),
    () => {
      const content = ledger.content(64 * kibibyte)
      return Effect.replicateEffect(upload(content, { first: content.length }, pieces(mebibyte)), most / 2, {
        concurrency: "unbounded"
      })
    },
    () => {
      const content = ledger.content(mebibyte)
      return upload(content, { first: random() < 0.5 ? content.length : below(content.length) }, pieces(mebibyte))
    },
    // The most likely case for a crash to leave files without a state.
    () => Effect.replicateEffect(upload({ start: 0, length: 0 }, {}, pieces(0)), most, { concurrency: "unbounded" }),
    () => parallel("before"),
    () => parallel("after"),
    // Left unfinished for the sweeper.
    () => {
      const content = ledger.content(mebibyte)
      return create(content, { first: below(content.length) })
    },
    // An offset that HEAD reports during another client's writes counts, too.
    () => Effect.forEach(ledger.entries.filter(({ state }) => state === "Open").slice(-8), ask)
  ]

  /** An upload of any kind; then uploads above `most` are removed. */
  return Effect.suspend(() => kinds[below(kinds.length)]?.() ?? Effect.void).pipe(
    Effect.zipRight(
      Effect.suspend(() => Effect.forEach(stored.splice(0, stored.length - most), terminate, { discard: true }))
    )
  )
}

const pieces = (size: number, message: typeof Exchange.patch = Exchange.patch): Uploader.Next => (path, at, rest) =>
  message(path, at, rest.subarray(0, size))

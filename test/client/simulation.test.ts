/**
 * Failures between a client and a server, as a seed decides. The upload completes with exactly the bytes of the source,
 * or fails with an error that says why; acknowledged bytes never decrease. `SEED=<number>` runs one seed that has
 * failed; `SEEDS=<count>` runs more of them.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  type ChunkSize,
  type Progress,
  StreamSource,
  TusClient,
  type TusError,
  TusUpload,
  UploadSource
} from "effect-tus/client"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestContext from "effect/TestContext"
import { endpoint, server, transport } from "../loopback.js"
import { generator } from "../random.js"
import { type Fault, faults, spoil } from "./faults.js"
import { passing, storedAt } from "./world.js"

const seeds = process.env.SEED === undefined
  ? Array.from(
    { length: Number(process.env.SEEDS ?? 400) },
    (_, i) => i + 1
  )
  : [Number(process.env.SEED)]

interface Outcome {
  readonly exit: Exit.Exit<unknown, TusError.TusError>
  readonly seen: ReadonlyArray<Progress.Progress>
  readonly stored: Uint8Array | undefined
  readonly bytes: Uint8Array
  readonly met: ReadonlySet<Fault>
}

/** One upload with its own client and server. */
const simulate = (seed: number): Promise<Outcome> => {
  const random = generator(seed)
  const pick = <A>(...choices: ReadonlyArray<A>) => choices[Math.floor(random() * choices.length)] as A
  const bytes = Uint8Array.from({ length: Math.floor(random() * pick(50, 1000, 10_000)) * 2 + 1 }, () => random() * 256)
  const piece = pick(100, 1000, 10_000)
  const rate = pick(0.05, 0.2, 0.4)
  const likely = faults.filter(() => random() < 0.6)
  const met = new Set<Fault>()

  const source = pick("again", "again", "known", "unknown")
  const pieces = (start: number, end: number) =>
    Stream.unfold(
      start,
      (at) => at < end ? Option.some([bytes.slice(at, Math.min(at + piece, end)), at + piece] as const) : Option.none()
    )
  const options = {
    chunkSize: pick<ChunkSize.ChunkSize>({}, 500, 3333, { min: 100, max: 5000 }),
    createWithUpload: pick(0, 300, 1024 * 1024),
    checksum: pick(undefined, undefined, "sha1" as const, "crc32c" as const),
    parallel: pick(1, 1, 3)
  }

  const network = transport((request, exchange) => {
    const fault = random() < rate ? likely[Math.floor(random() * likely.length)] : undefined
    if (fault === undefined) {
      return exchange(request)
    }
    met.add(fault)
    return spoil(fault, request, exchange, random)
  })

  const seen: Array<Progress.Progress> = []
  const uploading = Effect.gen(function*() {
    const upload = TusUpload.upload({
      endpoint,
      ...options,
      source: source === "again"
        ? UploadSource.fromRange({ name: "simulated", length: bytes.length, read: pieces })
        : yield* StreamSource.make(pieces(0, bytes.length), {
          name: "simulated",
          window: 4096,
          ...(source === "known" ? { length: bytes.length } : {})
        })
    })
    yield* Stream.runForEach(upload, (progress) => Effect.sync(() => seen.push(progress)))
    const last = seen.at(-1)
    const url = last === undefined ? "" : Option.getOrElse(last.url, () => "")
    return { url, complete: last?.event === "Complete" }
  }).pipe(Effect.scoped)

  return Effect.gen(function*() {
    const exit = yield* Effect.exit(passing(uploading))
    const stored = Exit.isSuccess(exit) ? yield* storedAt(exit.value.url) : undefined
    return { exit, seen, stored, bytes, met }
  }).pipe(
    Effect.withRandom(Random.make(seed)),
    Effect.provide(
      TusClient.layer({ stallTimeout: "30 seconds" }).pipe(
        Layer.provide(network),
        Layer.provideMerge(server())
      )
    ),
    Effect.provide(TestContext.TestContext),
    Effect.runPromise
  )
}

describe("simulation", () => {
  it(`keeps every promise, ${seeds.length} seeds`, async () => {
    const outcomes = new Map<string, number>()
    const met = new Set<Fault>()
    for (const seed of seeds) {
      const { bytes, exit, met: now, seen, stored } = await simulate(seed)
      const here = `SEED=${seed}`
      now.forEach((fault) => met.add(fault))
      seen.reduce((before, { acknowledged, total }) => {
        assert.isAtLeast(acknowledged, before, `${here}: what was acknowledged went back`)
        assert.isAtMost(acknowledged, bytes.length, `${here}: more was acknowledged than there is`)
        assert.isTrue(Option.isNone(total) || total.value === bytes.length, `${here}: another total`)
        return acknowledged
      }, 0)
      if (Exit.isSuccess(exit)) {
        assert.isTrue(Buffer.from(bytes).equals(stored ?? new Uint8Array()), `${here}: other bytes arrived`)
        assert.strictEqual(seen.at(-1)?.acknowledged, bytes.length, here)
        outcomes.set("Complete", (outcomes.get("Complete") ?? 0) + 1)
      } else {
        const error = Cause.failureOption(exit.cause)
        assert.isTrue(Option.isSome(error), `${here}: ${Cause.pretty(exit.cause)}`)
        const name = Option.match(error, {
          onNone: () => "none",
          onSome: (error) => `${error._tag} ${"reason" in error ? error.reason : "status" in error ? error.status : ""}`
        })
        outcomes.set(name, (outcomes.get(name) ?? 0) + 1)
      }
    }
    if (seeds.length > 1) {
      assert.strictEqual(met.size, faults.length, `not met: ${faults.filter((fault) => !met.has(fault)).join()}`)
    }
    console.log(Object.fromEntries(outcomes))
  }, 300_000)
})

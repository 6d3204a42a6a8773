/**
 * One source, one journal and several sessions that are interrupted or killed, as a seed decides. The last session
 * completes with the bytes that the source has then, and no byte that the server had is sent again. `SEED=<number>`
 * runs one seed that has failed; `SEEDS=<count>` runs more of them.
 */
import { assert, describe, it } from "@effect/vitest"
import {
  type ChunkSize,
  type Progress,
  TusClient,
  TusTransport,
  TusUpload,
  UploadJournal,
  UploadSource
} from "effect-tus/client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Stream from "effect/Stream"
import * as TestContext from "effect/TestContext"
import * as BufferedBody from "../../src/client/transport/BufferedBody.js"
import { endpoint, server, transport } from "../loopback.js"
import { generator } from "../random.js"
import { spoil } from "./faults.js"
import { passing, storedAt } from "./world.js"

const seeds = process.env.SEED === undefined
  ? Array.from(
    { length: Number(process.env.SEEDS ?? 30) },
    (_, i) => i + 1
  )
  : [Number(process.env.SEED)]

/** Only faults that keep the bytes on the server, since those must not be sent again. */
const faults = ["lost request", "lost response", "cut body", "delay", "5xx", "423"] as const

/** Longer than the samples of a fingerprint. */
const most = 500_000

/** The journal of one session. After the session is killed, it writes nothing. */
const until = (journal: UploadJournal.Journal, killed: () => boolean): UploadJournal.Journal => ({
  ...journal,
  put: (entry) => Effect.suspend(() => killed() ? Effect.void : journal.put(entry)),
  remove: (entry) => Effect.suspend(() => killed() ? Effect.void : journal.remove(entry))
})

/** Sends no byte before it has read all of them. */
const gathered = Layer.effect(
  TusTransport.TusTransport,
  Effect.map(TusTransport.TusTransport, ({ send }) =>
    BufferedBody.transport((request, bytes) =>
      send({
        ...request,
        body: bytes && {
          length: bytes.length,
          open: UploadSource.fromBytes(bytes).read(0, bytes.length)
        }
      })
    ))
)

const simulate = (seed: number) => {
  const random = generator(seed)
  const pick = <A>(...choices: ReadonlyArray<A>) => choices[Math.floor(random() * choices.length)] as A
  const bytes = Uint8Array.from({ length: Math.floor(most * (0.7 + random() * 0.3)) }, (_, i) => (i * 31 + seed) % 251)
  const rate = pick(0, 0.1, 0.3)
  const options = {
    chunkSize: pick<ChunkSize.ChunkSize>(30_000, 100_000, { min: 20_000, max: 200_000 }),
    parallel: pick(1, 1, 3),
    checksum: pick(undefined, "sha1" as const)
  }
  let calm = false
  let sent = 0
  let created = 0

  // A transport that buffers the body, as those of browsers do.
  const holds = random() < 0.4
  let alive = true
  const network = transport((request, exchange) => {
    if (!alive && holds) {
      return Effect.never
    }
    sent += request.body?.length ?? 0
    created += request.method === "POST" ? 1 : 0
    return !calm && random() < rate ? spoil(pick(...faults), request, exchange, random) : exchange(request)
  }).pipe((network) => holds ? Layer.provide(gathered, network) : network)

  const session = (onProgress: (progress: Progress.Progress) => void) =>
    TusUpload.upload({
      endpoint,
      ...options,
      source: UploadSource.fromRange({
        name: "simulated",
        length: bytes.length,
        modified: 0,
        read: (start, end) => Stream.make(bytes.slice(start, end))
      })
    }).pipe(Stream.tap((progress) => Effect.sync(() => onProgress(progress))))

  return Effect.gen(function*() {
    const journal = yield* UploadJournal.UploadJournal
    let changes = 0
    // The last bytes before a kill are not in the journal. Until another session has continued from there, only the
    // date could show that they have changed.
    let unsure = false
    for (let left = pick(1, 2, 4); left > 0; left--) {
      const kills = random() < 0.5
      let events = Math.floor(random() * 60)
      let killed = false
      alive = true
      const stop = Math.floor(random() * 30)
      yield* session(({ event }) => {
        killed ||= kills && --events < 0
        alive = !killed
        unsure = (killed && !holds) || (unsure && (options.parallel > 1 || event !== "Resumed"))
      }).pipe(
        Stream.take(stop + 1),
        Stream.runDrain,
        Effect.timeoutOption(random() * 20_000),
        Effect.ignore,
        passing,
        Effect.provideService(UploadJournal.UploadJournal, until(journal, () => killed))
      )
      if (!unsure && random() < 0.3) {
        changes++
        const place = Math.floor(random() * bytes.length)
        bytes[place] = (bytes[place] ?? 0) ^ 0xff
      }
    }
    calm = true
    alive = true
    const before = { sent, created }
    const remembered = (yield* journal.list).reduce((sum, { acknowledged }) => sum + acknowledged, 0)
    let url = ""
    yield* passing(Stream.runDrain(session((progress) => {
      url = Option.getOrElse(progress.url, () => "")
    })))
    return {
      bytes,
      stored: yield* storedAt(url),
      changes,
      sent: sent - before.sent,
      created: created - before.created,
      remembered,
      left: (yield* journal.list).some((entry) => entry.url === url)
    }
  }).pipe(
    Effect.withRandom(Random.make(seed)),
    Effect.provide(Layer.mergeAll(
      TusClient.layer({ stallTimeout: "30 seconds" }).pipe(Layer.provide(network), Layer.provideMerge(server())),
      UploadJournal.layerMemory
    )),
    Effect.provide(TestContext.TestContext),
    Effect.runPromiseExit
  )
}

describe("sessions", () => {
  it(`resume what the last session left, ${seeds.length} seeds`, async () => {
    let resumed = 0
    let changed = 0
    for (const seed of seeds) {
      const here = `SEED=${seed}`
      const exit = await simulate(seed)
      assert.isTrue(Exit.isSuccess(exit), `${here}: ${String(exit)}`)
      if (Exit.isSuccess(exit)) {
        const { bytes, changes, created, left, remembered, sent, stored } = exit.value
        assert.isTrue(Buffer.from(bytes).equals(stored), `${here}: other bytes arrived`)
        assert.isFalse(left, `${here}: it is still in the journal`)
        if (changes === 0) {
          assert.isAtMost(sent, bytes.length - remembered, `${here}: bytes were sent again`)
        }
        resumed += sent < bytes.length ? 1 : 0
        changed += changes > 0 && created > 0 ? 1 : 0
      }
    }
    console.log({ resumed, changed })
    if (seeds.length > 1) {
      assert.isAbove(resumed, seeds.length / 10)
      assert.isAbove(changed, seeds.length / 50)
    }
  }, 300_000)

  it.effect("start again if a sent byte was changed, even if the session before was killed", () => {
    const bytes = new Uint8Array(most)
    const source = () =>
      UploadSource.fromRange({
        name: "changed",
        length: most,
        modified: 0,
        read: (start, end) => Stream.make(bytes.slice(start, end))
      })
    let requests = 0
    let killed = false
    return Effect.gen(function*() {
      const arrived = yield* Deferred.make<void>()
      const network = transport((request, exchange) =>
        request.method === "PATCH" && ++requests === 3
          ? Effect.zipRight(Effect.zipRight(exchange(request), Deferred.succeed(arrived, undefined)), Effect.never)
          : exchange(request)
      )
      const session = TusUpload.run({ endpoint, chunkSize: 30_000, source: source() })
      const stored = yield* Effect.gen(function*() {
        const journal = yield* UploadJournal.UploadJournal
        const running = yield* Effect.fork(
          Effect.provideService(session, UploadJournal.UploadJournal, until(journal, () => killed))
        )
        yield* Deferred.await(arrived)
        killed = true
        yield* Fiber.interrupt(running)
        // Between two samples of the fingerprint.
        bytes[70_000] = 1
        const { url } = yield* session
        return yield* storedAt(url)
      }).pipe(Effect.provide(Layer.mergeAll(
        TusClient.layer().pipe(Layer.provide(Layer.provide(gathered, network)), Layer.provideMerge(server())),
        UploadJournal.layerMemory
      )))
      assert.isTrue(Buffer.from(bytes).equals(stored))
    })
  })
})

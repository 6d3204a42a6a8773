/**
 * The work of the clients.
 */
import type { Upload } from "effect-tus"
import { StreamSource, TusClient, type TusError, TusUpload, UploadSource } from "effect-tus/client"
import { NodeHashFunctions } from "effect-tus/node"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Dice from "./Dice.js"
import type { Process } from "./Kernel.js"
import { endpoint } from "./Network.js"
import { idOf } from "./Paths.js"
import type { Task } from "./Story.js"
import type { World } from "./World.js"

/** Returns the URL of a complete upload, or none if it was to be removed; fails with the reason otherwise. */
export const run = (
  world: World,
  process: Process,
  task: Task
): Effect.Effect<Option.Option<Upload.UploadId>, TusError.TusError | "waiting"> =>
  Effect.zipRight(process.wait(task.after), plots[task.plot](world, process, task)).pipe(
    Effect.scoped,
    Effect.withRandom(Random.make(`${world.story.seed}/${task.nth}`)),
    Effect.provide(
      TusClient.layer({ stallTimeout: "30 seconds" }).pipe(
        Layer.provide(world.network.layer(process, task)),
        Layer.provideMerge(NodeHashFunctions.layer)
      )
    )
  )

const pieces = (bytes: Uint8Array, { piece }: Task) => (start: number, end: number) =>
  Stream.unfold(
    start,
    (at) =>
      at < end
        ? Option.some([bytes.slice(at, Math.min(at + piece, end)), Math.min(at + piece, end)] as const)
        : Option.none()
  )

const rangeOf = (bytes: Uint8Array, task: Task) =>
  UploadSource.fromRange({ name: `task ${task.nth}`, length: bytes.length, read: pieces(bytes, task) })

const optionsOf = ({ checksum, chunkSize, createWithUpload, parallel }: Task) => ({
  endpoint,
  chunkSize,
  createWithUpload,
  checksum,
  parallel
})

const complete = (url: Option.Option<string>) => Option.flatMap(url, (url) => Option.fromNullable(idOf(url)))

const upload = Effect.fnUntraced(function*(world: World, _: Process, task: Task) {
  const bytes = world.sources.of(task)
  const source = task.source === "again" ?
    rangeOf(bytes, task) :
    yield* StreamSource.make(pieces(bytes, task)(0, bytes.length), {
      name: `task ${task.nth}`,
      window: 4096,
      ...(task.source === "known" ? { length: bytes.length } : {})
    })
  const { url } = yield* TusUpload.run({ ...optionsOf(task), source })
  return complete(Option.some(url))
})

/** Interrupts its upload a few times and resumes it. */
const pause = Effect.fnUntraced(function*(world: World, process: Process, task: Task) {
  const dice = Dice.make(world.story.seed, task.nth, 7)
  const source = rangeOf(world.sources.of(task), task)
  let known = Option.none<string>()
  for (let left = 3;; left--) {
    const session = TusUpload.upload({ ...optionsOf(task), source, url: Option.getOrUndefined(known) }).pipe(
      Stream.runForEach((progress) =>
        Effect.sync(() => {
          known = Option.orElse(progress.url, () => known)
        })
      ),
      Effect.as(true)
    )
    const limit = left === 0 ? Effect.never : process.wait(dice.between(0, dice.pick(100, 2000, 20_000)))
    if (yield* Effect.raceFirst(session, Effect.as(limit, false))) {
      return complete(known)
    }
  }
})

/** Terminates its upload after a while. */
const terminate = Effect.fnUntraced(function*(world: World, _: Process, task: Task) {
  const dice = Dice.make(world.story.seed, task.nth, 8)
  const uploader = yield* TusUpload.uploader({
    ...optionsOf({ ...task, chunkSize: Math.max(1, Math.floor(task.size / 3)) }),
    source: rangeOf(world.sources.of(task), task)
  })
  const { url } = yield* Effect.repeatN(uploader.next, dice.whole(0, 3))
  yield* uploader.terminate
  const client = yield* TusClient.TusClient
  if (Option.isSome(url)) {
    yield* client.head({ url: url.value }).pipe(Effect.retry(patiently), Effect.exit)
  }
  return Option.none()
})

/** Creates the final before its parts are complete. */
const earlyFinal = Effect.fnUntraced(function*(world: World, _: Process, task: Task) {
  const client = yield* TusClient.TusClient
  const bytes = world.sources.of(task)
  const middle = Math.floor(bytes.length / 3)
  const halves = [bytes.subarray(0, middle), bytes.subarray(middle)] as const
  const create = (half: Uint8Array) =>
    client.create({
      url: endpoint,
      length: Option.some(half.length),
      metadata: Option.none(),
      partial: true
    }).pipe(Effect.retry(patiently))
  const [first, second] = [yield* create(halves[0]), yield* create(halves[1])]
  const final = yield* client.concatenate({ url: endpoint, parts: [first.url, second.url], metadata: Option.none() })
    .pipe(
      Effect.retry(patiently)
    )
  yield* Effect.zip(
    TusUpload.run({ ...optionsOf(task), source: rangeOf(halves[0], task), url: first.url }),
    TusUpload.run({ ...optionsOf(task), source: rangeOf(halves[1], task), url: second.url }),
    { concurrent: true }
  )
  yield* client.head({ url: final.url }).pipe(
    Effect.filterOrFail(({ offset }) => Option.contains(offset, bytes.length), () => "waiting" as const),
    Effect.retry({
      schedule: patience,
      while: (error: TusError.TusError | "waiting") => error === "waiting" || isPassing(error)
    })
  )
  return complete(Option.some(final.url))
})

type Plot = (
  world: World,
  process: Process,
  task: Task
) => Effect.Effect<Option.Option<Upload.UploadId>, TusError.TusError | "waiting", TusClient.TusClient | Scope.Scope>

const plots: Readonly<Record<Task["plot"], Plot>> = {
  Upload: upload,
  Pause: pause,
  Terminate: terminate,
  EarlyFinal: earlyFinal
}

const isPassing = (error: TusError.TusError) =>
  error._tag === "Unanswered" || (error._tag === "Refused" && (error.status >= 500 || error.status === 423))

const patience = Schedule.intersect(Schedule.spaced("3 seconds"), Schedule.recurs(200))

const patiently: { readonly schedule: typeof patience; readonly while: typeof isPassing } = {
  schedule: patience,
  while: isPassing
}

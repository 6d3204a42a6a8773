/**
 * Limits of a server: space, as `Quota` says, requests with a body at the same time, and bytes per second. No limits by
 * default; an unset limit costs nothing.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Pull from "../../bytes/Pull.js"
import { Denied } from "../../protocol/Refusal.js"
import type { Upload } from "../../protocol/Upload.js"
import { ByteStore } from "../../store/ByteStore.js"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import { type Facts, type Reservation, UsageLedger } from "../../store/UsageLedger.js"
import * as Monotonic from "../../time/Monotonic.js"
import { type Allowance, unlimited } from "../body/Allowance.js"
import type { UploadBody } from "../body/UploadBody.js"
import * as OptionError from "../policy/OptionError.js"
import * as Quota from "../policy/Quota.js"

/**
 * An option that is not given is no limit. `layer` fails with an `OptionError` for a number that makes no sense. The
 * quotas of owners hold for all servers together if the `UsageLedger` is one of all servers, such as `PgUsageLedger`.
 */
export interface Options extends Quota.Quota {
  /** How many requests with a body may run at the same time in this process. One more is answered 503. */
  readonly concurrentWrites?: number | undefined
  /** Bytes per second of all bodies of this process together. Bodies that are faster wait. */
  readonly bytesPerSecond?: number | undefined
}

/**
 * What the server wraps its work in. Without space the work does not begin, and `Denied` is the answer: 429 or 507 for
 * an upload that would grow, 503 for one body too many.
 */
export interface Limits {
  /**
   * Runs `grow`, which makes an upload grow to `wanted` bytes, or step by step if that is infinite, and reserves the
   * space meanwhile. `current` is the state of the upload, undefined before its creation.
   */
  readonly growing: <A, E, R>(
    upload: Upload,
    current: Upload | undefined,
    wanted: number,
    grow: (allowance: Allowance) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Denied | UploadStoreError, R>
  /** Runs `take`, which reads a body. */
  readonly taking: <A, E, R>(
    body: UploadBody,
    take: (body: UploadBody) => Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | Denied, R>
}

/** No limits by default. Provide `layer` to the server to change it. */
export class UploadLimits extends Context.Reference<UploadLimits>()("effect-tus/UploadLimits", {
  defaultValue: (): Limits => ({
    growing: (_upload, _current, _wanted, grow) => grow(unlimited),
    taking: (body, take) => take(body)
  })
}) {}

/**
 * `layer` without the check of the numbers. Asks the disk for its free space only if `minFreeBytes` is given, and fails
 * if the ledger cannot say what is still to come to that disk.
 */
export const make = (options: Options) =>
  Effect.gen(function*() {
    const ledger = yield* UsageLedger
    const { free: freeBytes } = yield* ByteStore
    const free = yield* freeOf(options, freeBytes, ledger)
    const { concurrentWrites = Infinity } = options
    const pace = options.bytesPerSecond === undefined ? (body: UploadBody) => body : pacer(options.bytesPerSecond)
    let writing = 0

    const ruleOf = (facts: Pick<Quota.Given, "isNew" | "stored" | "wanted">, free: () => number) => ({
      decide: (usages: Facts) => Quota.decide(options, { ...facts, ...usages, free: free() }),
      most: {
        bytes: options.bytesPerOwner ?? Infinity,
        open: facts.isNew ? options.unfinishedPerOwner ?? Infinity : Infinity
      }
    })

    const growing: Limits["growing"] = (upload, current, wanted, grow) => {
      const allowanceOf = (reservation: Reservation, size: number): Allowance => ({
        size,
        more: (stored) =>
          Effect.flatMap(free, (free) =>
            Effect.map(
              reservation.grow(ruleOf({ isNew: false, stored, wanted: Infinity }, free)),
              (size) => allowanceOf(reservation, size)
            ))
      })
      const facts = { isNew: current === undefined, stored: current?.offset ?? 0, wanted }
      return Effect.flatMap(free, (free) =>
        held(
          ledger.reserve(upload, current, ruleOf(facts, free)),
          (reservation) => reservation.release,
          (reservation) => grow(allowanceOf(reservation, reservation.size))
        ))
    }

    const place = Effect.suspend(() => {
      if (writing >= concurrentWrites) {
        return Either.left(busy())
      }
      writing++
      return Either.void
    })
    const leave = Effect.sync(() => {
      writing--
    })

    return {
      growing,
      taking: (body, take) => held(place, () => leave, () => take(pace(body)))
    } satisfies Limits
  })

/** The free space of the disk. What has been committed since the disk was asked is subtracted from its answer. */
const freeOf = (
  { minFreeBytes }: Options,
  free: ByteStore["Type"]["free"],
  { disk }: UsageLedger["Type"]
): Either.Either<Effect.Effect<() => number, UploadStoreError>, OptionError.OptionError> =>
  minFreeBytes === undefined || free === undefined
    ? Either.right(Effect.succeed(() => Infinity))
    : disk === undefined
    ? Either.left(
      new OptionError.OptionError({
        option: "limits.minFreeBytes",
        expected: "no limit of one disk where a database counts the bytes of many servers",
        actual: String(minFreeBytes)
      })
    )
    : Either.right(Effect.suspend(() => {
      const before = disk.grown()
      return Effect.map(free, (free) => () => free - (disk.grown() - before))
    }))

/** Decides and reserves in one step, and releases after `use`. */
const held = <H, A, E, R, E2>(
  acquire: Effect.Effect<H, E2>,
  release: (held: H) => Effect.Effect<void>,
  use: (held: H) => Effect.Effect<A, E, R>
): Effect.Effect<A, E | E2, R> =>
  Effect.uninterruptibleMask((restore) =>
    Effect.flatMap(acquire, (held) => Effect.ensuring(restore(use(held)), release(held)))
  )

const check = OptionError.check(Schema.Struct({
  limits: Schema.Struct({
    bytesPerOwner: Schema.optional(OptionError.whole(0)),
    unfinishedPerOwner: Schema.optional(OptionError.whole(0)),
    minFreeBytes: Schema.optional(OptionError.whole(0)),
    concurrentWrites: Schema.optional(OptionError.whole(1)),
    bytesPerSecond: Schema.optional(OptionError.whole(1))
  })
}))

/**
 * Applies these limits to every upload of a store. A `UsageLedger` has to wrap its registry, or to be one of all
 * servers of its database.
 *
 * @example
 * ```ts
 * import { NodeTusServer } from "effect-tus/node"
 *
 * // A server with an embedded store provides this layer by itself.
 * export const server = NodeTusServer.layer({
 *   directory: "./uploads",
 *   limits: { bytesPerOwner: 100 * 1024 ** 3, unfinishedPerOwner: 20, minFreeBytes: 5 * 1024 ** 3 }
 * })
 * ```
 */
export const layer = (limits: Options): Layer.Layer<UploadLimits, OptionError.OptionError, ByteStore | UsageLedger> =>
  Layer.effect(UploadLimits, Effect.zipRight(check({ limits }), make(limits)))

const busy = () => new Denied({ status: 503, reason: "too many uploads are under way; try again shortly" })

/**
 * Slows bodies down to so many bytes per second together: each batch waits until the time of the batch before it, of
 * any body, is over. A body that is stopped does not wait.
 */
const pacer = (bytesPerSecond: number) => {
  let free = 0
  return (body: UploadBody): UploadBody => {
    const wait = (size: number) =>
      Effect.flatMap(Monotonic.millis, (now) => {
        free = Math.max(free, now) + size / bytesPerSecond * 1000
        return Effect.raceFirst(Effect.sleep(free - now), body.stopped)
      })
    return { ...body, pull: Effect.tap(body.pull, (batch) => wait(Pull.sizeOf(batch))) }
  }
}

/**
 * A ledger of all servers that share a PostgreSQL. The database decides and reserves in one statement; the sums are
 * those that it keeps with every write of an upload. Its clock ends the reservations of a server that is gone.
 */
import * as SqlClient from "@effect/sql/SqlClient"
import * as Arr from "effect/Array"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import type { Upload } from "../protocol/Upload.js"
import * as OptionError from "../server/policy/OptionError.js"
import * as Reservations from "../sql/Reservations.js"
import * as SqlFailure from "../sql/SqlFailure.js"
import * as Pairing from "../store/Pairing.js"
import { UploadRegistry } from "../store/UploadRegistry.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import * as Usage from "../store/Usage.js"
import { type Reservation, type Rule, UsageLedger } from "../store/UsageLedger.js"

/** How long a reservation outlives its server. */
export interface Options {
  /** One minute by default. A server that stands still for longer may exceed a quota by what it had reserved. */
  readonly lasts?: Duration.DurationInput | undefined
}

type Ask = Pick<Upload, "id" | "owner">

/** `layer` without the check of the options. Renews its reservations until the scope closes. */
export const make = ({ lasts = "1 minute" }: Options = {}) =>
  Effect.gen(function*() {
    const sql = (yield* SqlClient.SqlClient).withoutTransforms()
    const statements = Reservations.make(sql, Pairing.newName(), Duration.decode(lasts))
    const held = new Map<string, Reservations.Reserved>()

    /** The database may give a transaction up in favour of another one. */
    const reserveOnce = (reserved: Reservations.Reserved, most: Reservations.Used) =>
      statements.reserve(reserved, most).pipe(
        Effect.retry({ while: SqlFailure.isConflict, times: 3 }),
        Effect.mapError(SqlFailure.toStoreError("Write", `reserve space for ${reserved.id}`))
      )

    /**
     * Decides by the facts that are known, and asks the database whether they fit. It answers with the facts of that
     * moment: the rule may grant less by them.
     */
    const decide = <E>(
      { id, owner }: Ask,
      { decide: rule, most }: Rule<E>,
      used: Reservations.Used
    ): Effect.Effect<number, E | UploadStoreError> =>
      Effect.flatMap(by(rule, used), (size) => {
        const reserved = { id, owner: Option.getOrNull(owner), size }
        return Effect.flatMap(reserveOnce(reserved, most), ({ isGranted, used }) => {
          if (isGranted) {
            held.set(id, reserved)
          }
          const isEnough = isGranted && Either.match(by(rule, used), {
            onLeft: () => true,
            onRight: (granted) => granted >= size
          })
          return isEnough ? Effect.succeed(size) : decide({ id, owner }, { decide: rule, most }, used)
        })
      })

    const release = (id: string) =>
      Effect.suspend(() =>
        held.delete(id)
          ? Effect.catchAll(statements.release([id]), ({ cause }) =>
            Effect.logDebug(`the space for ${id} is released by its end alone`, cause))
          : Effect.void
      )

    const reservationOf = (upload: Ask, current: Upload | undefined, size: number): Reservation => ({
      size,
      grow: (rule) =>
        reserve(upload, current, rule),
      release: Effect.asVoid(release(upload.id))
    })

    /** Without a limit nobody is asked; nor for bytes that were declared: they count since then. */
    const reserve = <E>(upload: Ask, current: Upload | undefined, rule: Rule<E>) =>
      Effect.suspend(() =>
        Either.match(by(rule.decide, nothing), {
          onLeft: Either.left<E>,
          onRight: (size): Effect.Effect<number, E | UploadStoreError> =>
            (rule.most.bytes === Infinity && rule.most.open === Infinity) || size <= declared(current)
              ? Effect.succeed(size)
              : decide(upload, rule, nothing)
        })
      )

    const renewSome = Effect.fnUntraced(function*(some: Arr.NonEmptyReadonlyArray<Reservations.Reserved>) {
      yield* statements.renew(some)
      const released = some.filter(({ id }) => !held.has(id)).map(({ id }) => id)
      yield* Effect.when(statements.release(released), () => released.length > 0)
    })
    const renew = Effect.suspend(() => Effect.forEach(Arr.chunksOf(held.values(), 1000), renewSome, { discard: true }))
    const third = Duration.times(lasts, 1 / 3)
    yield* renew.pipe(
      Effect.catchAll(({ cause }) => Effect.logWarning("reservations of space are not renewed, and may end", cause)),
      Effect.repeat(Schedule.spaced(third)),
      Effect.delay(third),
      Effect.forkScoped
    )

    return UsageLedger.of({
      usageOf: (owner) =>
        Effect.mapError(
          statements.used(Option.getOrNull(owner)),
          SqlFailure.toStoreError("Read", "sum up the uploads of an owner")
        ),
      reserve: (upload, current, rule) =>
        reserve(upload, current, rule).pipe(
          Effect.onError(() => release(upload.id)),
          Effect.map((size) => reservationOf(upload, current, size))
        )
    })
  })

const nothing: Reservations.Used = { bytes: 0, open: 0 }

const declared = (current: Upload | undefined): number =>
  current === undefined ? -Infinity : Option.getOrElse(current.length, () => -Infinity)

/** The database tells what the others use, so that the upload has taken nothing of it. */
const by = <E>(decide: Rule<E>["decide"], used: Reservations.Used): Either.Either<number, E> =>
  decide({ usage: { ...used, outstanding: 0 }, total: Usage.nothing, taken: Usage.nothing })

const check = OptionError.check(Schema.Struct({ lasts: Schema.optional(OptionError.timeout) }))

/**
 * For the database of the registry, which has made its tables. An upload whose length was declared has had its space
 * since then, and is not asked again: a quota that is lowered later does not stop it. `minFreeBytes` is refused, since
 * servers with one database share no disk.
 *
 * @example
 * ```ts
 * import { PgUsageLedger } from "effect-tus/postgres"
 * import { UploadLimits } from "effect-tus/server"
 * import { SqlUploadRegistry } from "effect-tus/sql"
 * import { Layer } from "effect"
 *
 * // Over the `PostgresClient` that every server has.
 * export const limited = UploadLimits.layer({ bytesPerOwner: 100 * 1024 ** 3, unfinishedPerOwner: 20 }).pipe(
 *   Layer.provide(PgUsageLedger.layer()),
 *   Layer.provideMerge(SqlUploadRegistry.layer)
 * )
 * ```
 */
export const layer = (
  options: Options = {}
): Layer.Layer<UsageLedger, OptionError.OptionError, SqlClient.SqlClient | UploadRegistry> =>
  Layer.scoped(UsageLedger, Effect.zipRight(Effect.zipRight(UploadRegistry, check(options)), make(options)))

/**
 * The actions of `effect-tus admin`, by name. Arguments are checked before the store is opened, and only as much of the
 * store is opened as the action needs.
 */
import * as DateTime from "effect/DateTime"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import type * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { resolve } from "node:path"
import { type Upload, UploadId } from "../../protocol/Upload.js"
import type { TusAdmin } from "../../server/operations/TusAdmin.js"
import { CommandError, Reported, sentence, UsageError } from "../terminal/Failure.js"
import * as Json from "../terminal/Json.js"
import { Output } from "../terminal/Output.js"
import type * as AdminStore from "./AdminStore.js"
import * as OrphanActions from "./OrphanActions.js"
import * as UploadSummary from "./UploadSummary.js"

/** The arguments. */
export interface Asked {
  readonly place: string
  readonly operands: ReadonlyArray<string>
  readonly life: Option.Option<Duration.Duration>
  readonly to: Option.Option<string>
  readonly json: boolean
}

type Store = typeof AdminStore

/** An action with checked arguments. It gets the store once that is loaded. */
type Act = (store: Store) => Effect.Effect<void, unknown, Output>

type Plan = (asked: Asked) => Effect.Effect<Act, UsageError>

const wrong = (message: string) => new UsageError({ message })

const idOf = (text: string) =>
  Effect.mapError(
    Schema.decode(UploadId)(text.replace(/[?#].*$/s, "").split("/").at(-1) ?? ""),
    () => wrong(`expected the id or the URL of an upload, got ${JSON.stringify(text)}`)
  )

/** Acts on each in turn. A failure is printed, and the others go on. */
const each = <A, R>(all: ReadonlyArray<A>, act: (one: A) => Effect.Effect<unknown, unknown, R>) =>
  Effect.flatMap(Output, (output) =>
    Effect.forEach(all, (one) =>
      act(one).pipe(
        Effect.as(true),
        Effect.catchAll((error) => Effect.as(output.say(`effect-tus: ${sentence(error)}`), false))
      ))).pipe(Effect.flatMap((done) => done.every((one) => one) ? Effect.void : new Reported()))

const show = (json: boolean) => (upload: Upload, location: Option.Option<string> = Option.none()) =>
  Effect.flatMap(
    Output,
    (output) =>
      Effect.flatMap(DateTime.now, (now) =>
        json
          ? output.raw(Json.print(UploadSummary.facts(upload, location)))
          : output.result(UploadSummary.line(upload, now)))
  )

const list: Plan = ({ json, operands, place }) =>
  operands.length > 0
    ? wrong("list takes no ids")
    : Effect.succeed(({ layerEither, TusAdmin }) =>
      Effect.gen(function*() {
        const { list } = yield* TusAdmin
        const output = yield* Output
        let failed = false
        yield* Stream.runForEach(
          list,
          Either.match({
            onLeft: ({ error }) => {
              failed = true
              return output.say(`effect-tus: ${sentence(error)}`)
            },
            onRight: (upload) => show(json)(upload)
          })
        )
        return failed ? yield* new Reported() : undefined
      }).pipe(Effect.provide(layerEither(place)))
    )

/** A plan that acts on each named upload. `open` builds the store. */
const withEach = (
  name: string,
  open: (store: Store, place: string) => Layer.Layer<TusAdmin, unknown>,
  act: (admin: TusAdmin["Type"], id: UploadId, asked: Asked) => Effect.Effect<void, unknown, Output>
): Plan =>
(asked) =>
  asked.operands.length === 0
    ? wrong(`${name}: expected at least one upload id`)
    : Effect.map(Effect.forEach(asked.operands, idOf), (ids) => (store) =>
      Effect.flatMap(store.TusAdmin, (admin) =>
        each(ids, (id) => act(admin, id, asked))).pipe(
          Effect.provide(open(store, asked.place))
        ))

const inspect = withEach(
  "inspect",
  ({ layerEither }, place) => layerEither(place),
  (admin, id, { json }) => Effect.flatMap(admin.inspect(id), ({ location, upload }) => show(json)(upload, location))
)

const extend = withEach(
  "extend",
  ({ layerWriting }, place) => layerWriting(place),
  (admin, id, { json, life }) =>
    Effect.flatMap(
      DateTime.now,
      (now) =>
        Effect.flatMap(admin.extend(id, Option.map(life, (life) => DateTime.addDuration(now, life))), (upload) =>
          show(json)(upload))
    )
)

const terminate = withEach(
  "terminate",
  ({ layerWriting }, place) => layerWriting(place),
  (admin, id) => Effect.zipRight(admin.terminate(id), say(`removed ${id}`))
)

const say = (text: string) => Effect.flatMap(Output, (output) => output.say(text))

const backup: Plan = ({ operands, place, to }) =>
  operands.length > 0 || Option.isNone(to)
    ? wrong("backup: expected --to PATH and no ids")
    : Effect.succeed((store) =>
      Effect.zipRight(
        store.backup(place, to.value),
        say(`copied the database of ${place} to ${resolve(to.value)}, without the files of uploads`)
      )
    )

const orphans: Plan = ({ json, operands: [what, ...names], place, to }) => {
  if (what === "list" && names.length === 0) {
    return Effect.succeed(({ layerFiles }) =>
      Effect.provide(
        Stream.runForEach(OrphanActions.all, (orphan) =>
          Effect.flatMap(Effect.zip(Output, DateTime.now), ([output, now]) =>
            json
              ? output.raw(Json.print(OrphanActions.facts(orphan)))
              : output.result(OrphanActions.line(orphan, now)))),
        layerFiles({ directory: place })
      )
    )
  }
  if (what === "remove" && names.length > 0) {
    return Effect.succeed(({ layerFiles }) =>
      each(
        names,
        (name) =>
          Effect.flatMap(OrphanActions.find(name), (orphan) =>
            Effect.zipRight(OrphanActions.remove(orphan), say(`removed ${orphan.name}`)))
      ).pipe(
        Effect.provide(layerFiles({ directory: place }))
      )
    )
  }
  if (what === "restore" && names.length > 0) {
    return Option.match(to, {
      onNone: () => Effect.succeed<Act>(restore(names, place)),
      onSome: (to) =>
        names.length > 1
          ? wrong("restore --to PATH: expected one file to restore")
          : Effect.succeed(write(names, place, to))
    })
  }
  return wrong("orphans: expected list, restore ID... or remove ID...")
}

const restore = (names: ReadonlyArray<string>, place: string): Act => ({ layerReading }) =>
  each(names, (name) =>
    Effect.gen(function*() {
      const orphan = yield* OrphanActions.find(name)
      yield* OrphanActions.restore(orphan)
      yield* say(`restored ${orphan.size} bytes of ${orphan.id}`)
    })).pipe(
      Effect.provide(layerReading(place)),
      Effect.catchTag(
        "UploadStoreError",
        (cause) => new CommandError({ message: `${sentence(cause)}; use --to PATH to write a copy without it`, cause })
      )
    )

const write = (names: ReadonlyArray<string>, place: string, to: string): Act => ({ copy, layerFiles }) =>
  each(names, (name) =>
    Effect.gen(function*() {
      const orphan = yield* OrphanActions.find(name)
      yield* copy(OrphanActions.locationOf(orphan), to)
      const copied = `copied ${orphan.name} to ${resolve(to)}; the original stays set aside`
      yield* say(orphan.isIntact ? copied : `${copied}; it was changed after it was set aside`)
    })).pipe(Effect.provide(layerFiles({ directory: place })))

const plans = { list, inspect, extend, terminate, orphans, backup }

export type Name = keyof typeof plans

export const names: ReadonlyArray<Name> = ["list", "inspect", "extend", "terminate", "orphans", "backup"]

/** Fails if the arguments are wrong, before anything is opened. */
export const plan = (name: Name, asked: Asked): Effect.Effect<Act, UsageError> => plans[name](asked)

/** Orphans can be listed and copied without the database. */
export const needsDatabase = (name: Name): boolean => name !== "orphans"

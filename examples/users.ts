/**
 * A server with users. A user with a token may upload within a quota, and sees their own uploads only. The server
 * cleans file names, rejects empty files, and logs what happens.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer, Option, Schema, Stream } from "effect"
import { Refusal } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { TypedUploads, UploadEvents, UploadHooks } from "effect-tus/server"

const config = Config.all({
  port: Config.integer("PORT").pipe(Config.withDefault(1080)),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(Config.withDefault("./uploads")),
  /** Bytes that each user may have. */
  quota: Config.integer("QUOTA").pipe(Config.withDefault(1024 ** 3))
})

/** In your application they come from a database. */
const users = new Map([["secret-of-ann", "ann"], ["secret-of-bob", "bob"]])

const unknown = new Refusal.Denied({
  status: 401,
  reason: "expected a bearer token of a user",
  headers: { "www-authenticate": "Bearer" }
})

const { authorize } = UploadHooks.owned(({ headers }) =>
  Effect.mapError(Effect.fromNullable(users.get(headers.authorization?.replace(/^Bearer /, "") ?? "")), () => unknown)
)

/** What `Upload-Metadata` must contain. A client in TypeScript encodes with the same Schema. */
const Document = Schema.Struct({ filename: Schema.NonEmptyString })
const documents = TypedUploads.make(Document)

const hooks = documents.hooks({
  authorize,
  onCreate: ({ metadata: { filename } }) =>
    Effect.succeed({ metadata: { filename: filename.replace(/^.*[\\/]/, "") } }),
  onComplete: ({ metadata: { filename }, offset, owner }) =>
    offset === 0
      ? Effect.fail(new Refusal.UploadRejected({ status: 422, reason: `${filename} is empty` }))
      : Effect.succeed({ body: `thank you, ${Option.getOrElse(owner, () => "")}` }),
  timeLimit: "10 seconds"
})

/** A stream of events: no upload waits for this log. */
const log = Layer.scopedDiscard(Effect.forkScoped(
  Stream.runForEach(
    documents.feed,
    ({ _tag, upload }) => Console.log(`${_tag} ${upload.metadata.filename}: ${upload.offset} bytes`)
  )
))

const main = Effect.map(config, ({ directory, port, quota }) =>
  log.pipe(
    Layer.provide(NodeTusServer.layer({
      port,
      directory,
      expiresAfter: "1 day",
      limits: { bytesPerOwner: quota, unfinishedPerOwner: 20, minFreeBytes: 1024 ** 3 }
    })),
    Layer.provide(Layer.succeed(UploadHooks.UploadHooks, hooks)),
    Layer.provide(UploadEvents.layerFeed({ progressEvery: "500 millis" }))
  ))

main.pipe(Layer.unwrapEffect, Layer.launch, NodeRuntime.runMain)

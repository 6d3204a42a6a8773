/**
 * Servers that share a database, as much of them as the lock needs.
 */
import { Upload as Uploads, UploadLock, UploadRegistry } from "effect-tus"
import { PgUploadLock, PostgresClient } from "effect-tus/postgres"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Context from "effect/Context"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Holding from "../../src/testing/lock/Holding.js"

const { Bytes, Upload, UploadId } = Uploads

export const id = (n: number) => UploadId.make(`upload-${n}`.padEnd(22, "-"))

export const open = (n: number) =>
  new Upload({
    id: id(n),
    kind: { _tag: "Whole" },
    offset: Bytes.make(0),
    length: Option.some(Bytes.make(1000)),
    metadata: Option.none(),
    createdAt: DateTime.unsafeMake(0),
    expiresAt: Option.none(),
    expiryIsFixed: false,
    completion: { _tag: "Open" },
    owner: Option.none(),
    dialect: "tus"
  })

export const grown = ({ upload }: UploadRegistry.StoredUpload, size: number) =>
  upload.grow(Bytes.make(size), upload.length, upload.expiresAt)

/** The same database, by another port. */
export const through = (url: string, port: number) => url.replace(/:\d+\//, `:${port}/`)

export interface Server {
  readonly lock: UploadLock.UploadLock["Type"]
  readonly registry: UploadRegistry.UploadRegistry["Type"]
}

export interface Options extends Omit<PgUploadLock.Options, "url"> {
  /** For the connection of the lease. */
  readonly leaseUrl?: string | undefined
}

/** The lock and the registry of a server whose pool has this URL. */
export const layer = (url: string, { leaseUrl, ...options }: Options = {}) =>
  PgUploadLock.layer({ ...options, ...(leaseUrl === undefined ? {} : { url: Redacted.make(leaseUrl) }) }).pipe(
    Layer.provide(SqlUploadRegistry.layer),
    Layer.provide(PostgresClient.layer({ url: Redacted.make(url) }))
  )

export const start = (url: string, options?: Options) =>
  Effect.map(Layer.build(Layer.fresh(layer(url, options))), (context): Server => ({
    lock: Context.get(context, UploadLock.UploadLock),
    registry: Context.get(context, UploadRegistry.UploadRegistry)
  }))

/** Holds an upload until it is told to leave. */
export const hold = ({ lock }: Server, upload = id(1)) => Holding.hold(lock, upload)

export const fenceOf = ({ fence }: UploadLock.Lease) => Effect.succeed(fence)

/** Takes the lock, and commits as many bytes. Its claim is that of the lock. */
export const commit = ({ lock, registry }: Server, size: number, upload = id(1)) =>
  lock.withLock(upload, ({ fence }) =>
    Effect.flatMap(
      Effect.map(registry.claim(upload, fence), Option.getOrThrow),
      (entry) => registry.commit(entry, grown(entry, size), { fence, durable: true })
    ))

/**
 * The server of `effect-tus serve` without a door, on the store that its options name. What only some users install is
 * loaded on demand.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as EmbeddedServer from "../../node/EmbeddedServer.js"
import type { Store } from "../options/Store.js"
import { CommandError, UsageError } from "../terminal/Failure.js"

const load = <A>(option: string, name: string, part: () => Promise<A>) =>
  Effect.tryPromise({
    try: part,
    catch: (cause) =>
      new CommandError({
        message: `${option} needs a package that is not installed: npx -p effect-tus -p ${name} effect-tus serve`,
        cause
      })
  })

const objects = load("--bucket", "@aws-sdk/client-s3@3", () => import("./ObjectStore.js"))

const cluster = load("--database", "@effect/sql-pg@0.53", () => import("../../cluster/ClusterServer.js"))

const layerOf = (
  store: Store,
  options: EmbeddedServer.Options
): Effect.Effect<Layer.Layer<EmbeddedServer.Services, EmbeddedServer.Failure>, CommandError | UsageError> => {
  switch (store._tag) {
    case "Directory":
      return Effect.succeed(EmbeddedServer.layer(options))
    case "DirectoryAndBucket":
      return Effect.map(objects, ({ layer }) => EmbeddedServer.layer({ ...options, bytes: layer(store.bucket) }))
    case "DatabaseAndBucket":
      return options.limits?.minFreeBytes !== undefined
        ? new UsageError({ message: "--min-free watches a disk, and with --database no disk has uploads" })
        : Effect.zipWith(
          cluster,
          objects,
          ({ layer }, objects) =>
            layer({ ...options, database: { url: store.database }, bytes: objects.layer(store.bucket) })
        )
  }
}

export const layer = (store: Store, options: EmbeddedServer.Options) => Layer.unwrapEffect(layerOf(store, options))

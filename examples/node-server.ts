/**
 * A server with its embedded store, configured by environment variables, and a page that uploads to it. `npm start`
 * runs it.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, ConfigError, Console, DateTime, Effect, Either, Layer, Option, Schema } from "effect"
import { Metadata, type Upload } from "effect-tus"
import { NodeTusServer } from "effect-tus/node"
import { UploadEvents } from "effect-tus/server"
import { existsSync } from "node:fs"
import { resolve } from "node:path"
import { fileURLToPath } from "node:url"
import * as Static from "./static.js"

const number = (name: string, min: number, max: number) =>
  Config.string(name).pipe(Config.mapOrFail((text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN
    return value >= min && value <= max
      ? Either.right(value)
      : Either.left(ConfigError.InvalidData([], `expected a whole number from ${min} to ${max}, got "${text}"`))
  }))

const config = Config.all({
  port: number("PORT", 0, 65535).pipe(Config.withDefault(1080)),
  host: Config.nonEmptyString("HOST").pipe(Config.withDefault("127.0.0.1")),
  directory: Config.nonEmptyString("UPLOAD_DIR").pipe(
    Config.withDefault("./uploads"),
    Config.map((path) => resolve(path))
  ),
  /** Bytes. */
  maxSize: number("MAX_SIZE", 1, Number.MAX_SAFE_INTEGER).pipe(Config.option),
  expiresAfter: Config.duration("EXPIRES_AFTER").pipe(Config.withDefault("1 day")),
  durability: Config.literal("process", "completion", "always")("DURABILITY").pipe(Config.withDefault("completion"))
})

/**
 * The file name that the client gave, or the id. Without control characters, so that it cannot forge a line of the log.
 */
const nameOf = ({ id, metadata }: Upload.Upload) =>
  metadata.pipe(
    Option.flatMap(Schema.decodeOption(Metadata.TextFromRaw)),
    Option.flatMapNullable(({ filename }) => filename),
    Option.map((name) => name.replace(/\p{C}/gu, "?").slice(0, 100)),
    Option.getOrElse(() => id as string)
  )

/** One line for each completed upload. */
const logCompleted = Layer.succeed(UploadEvents.UploadEvents, {
  publish: (event) =>
    event._tag === "Completed" && event.upload.completion._tag === "Complete"
      ? Console.log(
        `${nameOf(event.upload)} is complete: ${event.upload.offset} bytes in ${
          DateTime.distance(event.upload.createdAt, event.upload.completion.at) / 1000
        } s`
      )
      : Effect.void
})

/** `npm start` builds it from `examples/browser`. */
const page = fileURLToPath(new URL("browser/dist", import.meta.url))
const hasPage = existsSync(page)

/** Names the variable and says what is wrong with it. */
const says = (error: ConfigError.ConfigError): string =>
  error._op === "And" || error._op === "Or"
    ? `${says(error.left)}; ${says(error.right)}`
    : `${error.path.join(".")}: ${error.message.charAt(0).toLowerCase()}${error.message.slice(1)}`

const announce = (directory: string) =>
  Effect.flatMap(
    NodeTusServer.NodeTusServer,
    ({ url }) =>
      Console.log(
        `${
          hasPage ? `A page to try it with is at ${new URL("/", url)}\n` : ""
        }Uploads are stored in ${directory}; press Ctrl-C to stop
Upload something:

  curl -i ${url} -H 'Tus-Resumable: 1.0.0' -H "Upload-Length: $(wc -c < README.md)" \\
    -H 'Content-Type: application/offset+octet-stream' --data-binary @README.md
`
      )
  )

const main = Effect.gen(function*() {
  const { maxSize, ...options } = yield* config
  return Layer.effectDiscard(announce(options.directory)).pipe(
    Layer.provide(NodeTusServer.layer({
      ...options,
      maxSize: Option.getOrUndefined(maxSize),
      // For this machine only. On a server, everybody who knows a URL could download the file.
      downloads: true,
      get: hasPage ? Static.make(page) : undefined
    })),
    Layer.provide(logCompleted)
  )
}).pipe(Layer.unwrapEffect, Layer.launch)

main.pipe(
  Effect.tapError((error) =>
    Console.error(`effect-tus: ${ConfigError.isConfigError(error) ? says(error) : error.message}`)
  ),
  Effect.onInterrupt(() => Console.log("effect-tus has stopped")),
  NodeRuntime.runMain({ disableErrorReporting: true })
)

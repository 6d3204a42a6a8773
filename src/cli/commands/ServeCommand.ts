/**
 * `effect-tus serve`: its options and its messages.
 */
import * as Command from "@effect/cli/Command"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import { resolve } from "node:path"
import Process from "node:process"
import * as Connection from "../options/Connection.js"
import * as Flags from "../options/Flags.js"
import * as Limits from "../options/Limits.js"
import * as Store from "../options/Store.js"
import { CommandError, sentence, UsageError } from "../terminal/Failure.js"
import * as Json from "../terminal/Json.js"
import { Output } from "../terminal/Output.js"

const isPath = (text: string): text is `/${string}` => /^(\/[\w.~-]+)+$/.test(text)

export const command = Command.make("serve", {
  port: Flags.whole("port", 0, 65535).pipe(
    Options.withDefault(1080),
    Options.withDescription("The port to listen on: 1080 by default, 0 for any free port.")
  ),
  host: Options.text("host").pipe(
    Options.withPseudoName("ADDRESS"),
    Options.withDefault("127.0.0.1"),
    Options.withDescription("The address to listen on: 127.0.0.1 by default, which only this machine can reach.")
  ),
  directory: Flags.store,
  store: Store.options,
  path: Flags.parsed(
    "path",
    "PATH",
    "a path that begins with / and does not end with it",
    Option.liftPredicate(isPath)
  ).pipe(
    Options.withDefault("/files"),
    Options.withDescription("The path at which uploads are created: /files by default.")
  ),
  limits: Limits.options,
  expiresAfter: Flags.life("expires-after").pipe(
    Options.withDescription(
      `How long after its last byte an unfinished upload expires: "1 day" by default, or "never".`
    )
  ),
  durability: Flags.oneOf("durability", ["process", "completion", "always"]).pipe(
    Options.withDefault("completion" as const),
    Options.withDescription(
      "What survives a power cut: complete uploads (completion, the default), every acknowledged byte (always), or nothing for certain (process)."
    )
  ),
  permissions: Flags.oneOf("permissions", ["owner", "group"]).pipe(
    Options.withDefault("owner" as const),
    Options.withDescription(
      "Who on this machine may read the files: only their owner (owner, the default), or their group, too (group)."
    )
  ),
  smallUploads: Flags.oneOf("small-uploads", ["files", "database"]).pipe(
    Options.withDefault("files" as const),
    Options.withDescription(
      "Where complete uploads of up to 64 KiB stay: in a file each (files, the default), or in the database (database), which is faster."
    )
  ),
  publicUrl: Options.text("public-url").pipe(
    Options.withPseudoName("URL"),
    Options.optional,
    Options.withDescription(
      "The URL of the server without the path, such as https://example.org, if Location should be a whole URL."
    )
  ),
  trustedProxies: Options.text("trust-proxy").pipe(
    Options.withPseudoName("RANGE"),
    Options.repeated,
    Options.withDescription(
      "The addresses of trusted proxies, such as 10.0.0.0/8, whose Forwarded or X-Forwarded- headers give the public URL. Repeatable."
    )
  ),
  corsOrigins: Options.text("cors-origin").pipe(
    Options.withPseudoName("ORIGIN"),
    Options.repeated,
    Options.withDescription(
      "An origin whose pages may upload, such as https://example.org; all origins by default. Repeatable."
    )
  ),
  downloads: Options.boolean("downloads").pipe(
    Options.withDescription("Answers GET with the uploaded file, as an attachment.")
  ),
  adopt: Options.boolean("adopt").pipe(
    Options.withDescription(
      "Starts although the database does not belong to DIR: bytes that it does not name are set aside, not removed."
    )
  ),
  keepOrphans: Flags.duration("keep-orphans").pipe(
    Options.optional,
    Options.withDescription(
      `How long bytes that the database does not name are kept in DIR/orphans: "30 days" by default.`
    )
  ),
  metrics: Options.boolean("metrics").pipe(
    Options.withDescription(
      "Answers GET /metrics with metrics for Prometheus. Everybody who reaches the server can read them."
    )
  ),
  cert: Options.text("tls-cert").pipe(
    Options.withPseudoName("FILE"),
    Options.optional,
    Options.withDescription("The certificate (PEM) of the server, for https; needs --tls-key.")
  ),
  key: Options.text("tls-key").pipe(
    Options.withPseudoName("FILE"),
    Options.optional,
    Options.withDescription("The private key (PEM) of --tls-cert.")
  ),
  ca: Options.text("tls-ca").pipe(
    Options.withPseudoName("FILE"),
    Options.optional,
    Options.withDescription(
      "Certificate authorities (PEM): only clients with a certificate from one of them are accepted."
    )
  ),
  config: Options.text("config").pipe(
    Options.withPseudoName("FILE"),
    Options.optional,
    Options.withDescription(
      `A JSON file with these options: {"port": 8080, "max-size": "10 GB"}. EFFECT_TUS_PORT and the like override it, and options override both.`
    )
  ),
  json: Flags.json,
  debug: Flags.debug
}, ({ json, ...options }) =>
  Effect.gen(function*() {
    const Server = yield* server
    const output = yield* Output
    const directory = resolve(options.directory)
    if (Store.isExposed(options.store, Process.argv)) {
      return yield* new UsageError({
        message:
          "--database: everybody on this machine can read a password in an argument; set PGPASSWORD or EFFECT_TUS_DATABASE instead"
      })
    }
    const place = Store.nameOf(options.store, directory)
    const announce = Effect.flatMap(Server.NodeTusServer, ({ url }) =>
      Effect.gen(function*() {
        if (json) {
          return yield* output.raw(Json.print({ event: "listening", url, directory: place }))
        }
        if (!output.seen) {
          yield* output.raw(url)
        }
        yield* output.say(`effect-tus listens at ${url}`)
        yield* output.say(
          `Uploads are stored in ${place}. Press Ctrl-C to stop. To upload: effect-tus upload FILE --to ${url}`
        )
      }))
    const tell = Layer.succeed(Server.UploadEvents, {
      publish: (event) =>
        event._tag !== "Completed" ? Effect.void : json
          ? output.raw(
            Json.print({
              event: "completed",
              id: event.upload.id,
              bytes: event.upload.offset,
              location: Option.getOrNull(event.location)
            })
          )
          : output.say(
            `completed ${event.upload.id}: ${event.upload.offset} bytes, ${
              Option.getOrElse(event.location, () => "not in a file")
            }`
          )
    })
    yield* Layer.effectDiscard(announce).pipe(
      Layer.provide(Server.layer({
        port: options.port,
        host: options.host,
        path: options.path,
        directory,
        store: options.store,
        ...options.limits,
        expiresAfter: Option.getOrUndefined(options.expiresAfter),
        durability: options.durability,
        permissions: options.permissions,
        smallUploads: options.smallUploads,
        publicUrl: Option.getOrUndefined(options.publicUrl),
        trustedProxies: options.trustedProxies,
        cors: options.corsOrigins.length === 0 ? undefined : { origins: options.corsOrigins },
        downloads: options.downloads,
        adopt: options.adopt,
        keepOrphans: Option.getOrUndefined(options.keepOrphans),
        metrics: options.metrics,
        tls: yield* tls(options)
      })),
      Layer.provide(tell),
      Layer.launch,
      // At this point no write is in flight.
      Effect.onInterrupt(() => output.say("effect-tus has stopped")),
      Effect.mapError((cause) => new CommandError({ message: named(sentence(cause)), cause }))
    )
  })).pipe(
    Command.withDescription(
      "Runs a server that stores uploads in a directory or a bucket, until Ctrl-C or SIGTERM."
    )
  )

/** With the names of this command's options. */
const named = (message: string) =>
  message
    .replace("adopt: true", "--adopt")
    .replace(/^tls\.(?=\w+: expected)/, "--tls-")
    .replace(/^publicUrl(?=: expected)/, "--public-url")
    .replace(/^trustedProxies(?=: expected)/, "--trust-proxy")
    .replace(/^cors\.origins(: expected [^;]*); a pattern is a RegExp/, "--cors-origin$1")

const tls = Effect.fnUntraced(function*(
  options: Readonly<Record<"ca" | "cert" | "key", Option.Option<string>>>
) {
  const ca = yield* Connection.contents("tls-ca", options.ca)
  const cert = yield* Connection.contents("tls-cert", options.cert)
  const key = yield* Connection.contents("tls-key", options.key)
  return cert !== undefined && key !== undefined
    ? { ca, cert, key }
    : (ca ?? cert ?? key) === undefined
    ? undefined
    : yield* new UsageError({ message: "--tls-cert and --tls-key need each other" })
})

/** Loaded on demand, since `effect-tus upload` does not need it. */
const server = Effect.promise(() => import("./Server.js"))

/**
 * Builds the client from the options: headers, timeouts, TLS, proxy.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as SystemReason from "../../client/transport/SystemReason.js"
import * as NodeTransport from "../../node-client/NodeTransport.js"
import * as NodeTusClient from "../../node-client/NodeTusClient.js"
import type { NodeTransportError } from "../../node-shared/NodeTls.js"
import { CommandError } from "../terminal/Failure.js"
import * as Text from "../terminal/Text.js"

export interface Options {
  readonly headers: Readonly<Record<string, string>>
  readonly timeout: Duration.Duration
  readonly ca: Option.Option<string>
  readonly cert: Option.Option<string>
  readonly key: Option.Option<string>
  readonly insecure: boolean
  readonly proxy: Option.Option<string>
  readonly methodOverride: boolean
  readonly requestId: boolean
}

export const layer = ({ headers, methodOverride, requestId, timeout, ...options }: Options) =>
  Layer.unwrapEffect(
    Effect.map(network(options), (network) =>
      Layer.catchAll(
        NodeTusClient.layer({
          headers: () => Effect.succeed(headers),
          stallTimeout: timeout,
          requestId,
          methodOverride,
          ...network
        }),
        refused
      ))
  )

/** The transport alone, for requests that the caller builds. */
export const transport = (options: Network) =>
  Layer.unwrapEffect(
    Effect.map(network(options), (network) => Layer.catchAll(NodeTransport.layer(network), refused))
  )

type Network = Pick<Options, "ca" | "cert" | "key" | "insecure" | "proxy">

const network = Effect.fnUntraced(function*({ ca, cert, insecure, key, proxy }: Network) {
  return {
    ca: yield* contents("ca", ca),
    cert: yield* contents("cert", cert),
    key: yield* contents("key", key),
    insecure,
    proxy: Option.getOrUndefined(proxy)
  } satisfies NodeTransport.Options
})

const refused = (error: NodeTransportError) =>
  Layer.fail(new CommandError({ message: `--${error.message}`, cause: error }))

/** The contents of a file that an option names. */
export const contents = (option: string, path: Option.Option<string>) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Option.match(path, {
      onNone: () => Effect.succeed(undefined),
      onSome: (path) =>
        Effect.mapError(
          fs.readFile(path),
          (cause) =>
            new CommandError({
              message: `--${option} ${Text.clean(path)}: ${
                cause._tag === "SystemError" && cause.reason === "NotFound"
                  ? "there is no such file"
                  : `it cannot be read: ${SystemReason.of(cause)}`
              }`,
              cause
            })
        )
    }))

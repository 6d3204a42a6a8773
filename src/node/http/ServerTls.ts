/**
 * The TLS options of a server, checked before it listens.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Tls from "node:tls"
import * as NodeTls from "../../node-shared/NodeTls.js"

export interface Options {
  /** The certificate of the server in PEM format, followed by its intermediate certificates. */
  readonly cert: NodeTls.Contents
  /** The private key of `cert` in PEM format. */
  readonly key: NodeTls.Contents
  /** The passphrase of an encrypted `key`. */
  readonly passphrase?: string | undefined
  /**
   * Certificate authorities in PEM format: only clients with a certificate signed by one of them are accepted. By
   * default clients need no certificate.
   */
  readonly ca?: NodeTls.Contents | undefined
  /** Whether to offer HTTP/2, which browsers prefer. True by default. */
  readonly http2?: boolean | undefined
}

/** A certificate or key that cannot be used. */
export class TlsError extends Schema.TaggedError<TlsError>("effect-tus/TlsError")("TlsError", {
  option: Schema.Literal("ca", "cert", "key"),
  expected: Schema.String,
  cause: Schema.Defect
}) {
  override get message(): string {
    return `tls.${this.option}: expected ${this.expected} (${
      this.cause instanceof Error ? this.cause.message : String(this.cause)
    })`
  }
}

/** The options for Node's TLS server. */
export const make = ({ ca, cert, key, passphrase }: Options): Effect.Effect<Tls.TlsOptions, TlsError> => {
  const own = { cert: NodeTls.buffers(cert), key: NodeTls.buffers(key), passphrase }
  return NodeTls.make({ ca, cert, key, passphrase }).pipe(
    Effect.as(
      ca === undefined ? own : { ...own, ca: NodeTls.buffers(ca), requestCert: true, rejectUnauthorized: true }
    ),
    Effect.catchTag(
      "NodeTransportError",
      ({ cause, expected, option }) =>
        option === "ca" || option === "cert" || option === "key"
          ? new TlsError({ option, expected, cause })
          : Effect.die(cause)
    )
  )
}

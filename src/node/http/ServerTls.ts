/**
 * How a server shows who it is, and whom it lets in. What cannot be used is found before it listens.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Tls from "node:tls"
import * as NodeTls from "../../node-shared/NodeTls.js"

export interface Options {
  /** The certificate of the server in PEM form, with those between it and the root. */
  readonly cert: NodeTls.Contents
  /** The private key of `cert` in PEM form. */
  readonly key: NodeTls.Contents
  /** What `key` is encrypted with. */
  readonly passphrase?: string | undefined
  /**
   * Authorities in PEM form: only clients with a certificate of theirs are let in. By default all are, and show none.
   */
  readonly ca?: NodeTls.Contents | undefined
  /** Whether clients may speak HTTP/2, as browsers do where they can. They may by default. */
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

/** What the server of Node is made with. */
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

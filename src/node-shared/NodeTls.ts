/**
 * TLS of a client: trusted certificates, and its own one. Invalid options are found before the first request.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Crypto from "node:crypto"
import * as Tls from "node:tls"

/** The contents of a file, or of several. */
export type Contents = string | Uint8Array | ReadonlyArray<string | Uint8Array>

export interface Options {
  /** Trusted certificates in PEM form, instead of those of the system. */
  readonly ca?: Contents | undefined
  /** The client's own certificate in PEM form, with its intermediate certificates. */
  readonly cert?: Contents | undefined
  /** The private key of `cert` in PEM form. */
  readonly key?: Contents | undefined
  /** The passphrase of `key` or `pfx`. */
  readonly passphrase?: string | undefined
  /** `cert` and `key` in one, in PKCS#12 form. */
  readonly pfx?: Contents | undefined
  /** Trusts every server. Logs a warning. */
  readonly insecure?: boolean | undefined
}

/** An invalid TLS option. */
export class NodeTransportError extends Schema.TaggedError<NodeTransportError>("effect-tus/NodeTransportError")(
  "NodeTransportError",
  {
    option: Schema.Literal("ca", "cert", "key", "pfx", "proxy"),
    expected: Schema.String,
    cause: Schema.Defect
  }
) {
  override get message(): string {
    return `${this.option}: expected ${this.expected} (${
      this.cause instanceof Error ? this.cause.message : String(this.cause)
    })`
  }
}

/** The TLS options of each connection. */
export const make = Effect.fnUntraced(function*(options: Options) {
  const { insecure = false, passphrase } = options
  const ca = buffers(options.ca)
  const cert = buffers(options.cert)
  const key = buffers(options.key)
  const pfx = buffers(options.pfx)
  // Node ignores certificates that it cannot read, and so would trust nobody.
  yield* attempt("ca", "certificates in PEM form", () => ca?.forEach(checkCertificates))
  yield* attempt("cert", "certificates in PEM form", () => Tls.createSecureContext({ cert }))
  yield* attempt(
    "key",
    "a private key in PEM form, and its passphrase",
    () => Tls.createSecureContext({ key, passphrase })
  )
  yield* attempt(
    "pfx",
    "a certificate and its key in PKCS#12 form, and their passphrase",
    () => Tls.createSecureContext({ pfx, passphrase })
  )
  const secureContext = yield* attempt(
    "key",
    "the private key of the certificate",
    () => Tls.createSecureContext({ ca, cert, key, pfx, passphrase })
  )
  if (insecure) {
    yield* Effect.logWarning("TLS certificates are not verified: whoever answers is trusted")
  }
  return { secureContext, rejectUnauthorized: !insecure } satisfies Tls.ConnectionOptions
})

const attempt = <A>(option: NodeTransportError["option"], expected: string, evaluate: () => A) =>
  Effect.try({ try: evaluate, catch: (cause) => new NodeTransportError({ option, expected, cause }) })

export const buffers = (contents: Contents | undefined): Array<Buffer> | undefined =>
  contents === undefined
    ? undefined
    : (typeof contents === "string" || contents instanceof Uint8Array ? [contents] : contents).map((each) =>
      Buffer.from(each)
    )

const checkCertificates = (pem: Buffer) => {
  const certificates = pem.toString("latin1").match(/-----BEGIN [^]*?-----END [^\n]*/g) ?? [""]
  certificates.forEach((certificate) => new Crypto.X509Certificate(certificate))
}

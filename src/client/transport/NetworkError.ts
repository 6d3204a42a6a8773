/**
 * Why there is no response, from the error that the platform throws. The codes are those of Node, which undici and
 * others nest in causes.
 */
import { TransportError } from "./TusTransport.js"

export const toTransportError = (cause: unknown): TransportError =>
  new TransportError({
    reason: chain(cause, 0).map(reasonOf).find((reason) => reason !== undefined) ?? "Closed",
    cause
  })

interface Coded {
  readonly code?: unknown
  readonly syscall?: unknown
  readonly message?: unknown
  readonly cause?: unknown
  readonly errors?: unknown
}

/** The innermost error first: it is the one of the system. */
const chain = (error: unknown, depth: number): ReadonlyArray<Coded> => {
  if (typeof error !== "object" || error === null || depth === 8) {
    return []
  }
  const { cause, errors }: Coded = error
  const inner = Array.isArray(errors) ? [cause, ...errors] : [cause]
  return [...inner.flatMap((each) => chain(each, depth + 1)), error]
}

const reasonOf = ({ code, message, syscall }: Coded): TransportError["reason"] | undefined => {
  if (typeof code !== "string") {
    return typeof message === "string" && /certificate|wrong version number/i.test(message) ? "Tls" : undefined
  }
  if (unreachable.has(code) || (code === "ETIMEDOUT" && syscall === "connect")) {
    return "Unreachable"
  }
  // A response that ends within its head or body was HTTP nevertheless.
  if (closed.has(code)) {
    return "Closed"
  }
  if (code.startsWith("HPE_")) {
    return "NotHttp"
  }
  return tls.test(code) ? "Tls" : undefined
}

const unreachable = new Set([
  "EADDRNOTAVAIL",
  "EAI_AGAIN",
  "EAI_FAIL",
  "EAI_NODATA",
  "ECONNREFUSED",
  "EHOSTDOWN",
  "EHOSTUNREACH",
  "ENETDOWN",
  "ENETUNREACH",
  "ENOTFOUND",
  "UND_ERR_CONNECT_TIMEOUT"
])

const closed = new Set(["ECONNABORTED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "HPE_INVALID_EOF_STATE", "UND_ERR_SOCKET"])

/** OpenSSL's codes for a certificate that is not accepted have no common prefix. */
const tls =
  /^(CERT_|CRL_|ERR_SSL_|ERR_TLS_|ERROR_IN_C|HOSTNAME_MISMATCH|INVALID_(CA|PURPOSE)|PATH_LENGTH|UNABLE_TO_|EPROTO$)|SELF_SIGNED|_CERT(_|$)/

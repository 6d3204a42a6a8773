/**
 * What the errors of S3-compatible stores, and of the network before them, mean. AWS, Ceph RGW, OpenStack Swift, R2,
 * Google Cloud Storage, B2 and others say the same with different codes.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
 */
import type { S3Error } from "./S3Objects.js"

export type Reason = S3Error["reason"]

/** The kind of a call: it decides what is not there. `head` and `bucket` get answers without a body. */
export type Call = "object" | "head" | "bucket" | "multipart"

/** What is known about a failed call. */
export interface Failure {
  /** The code of S3, such as `SlowDown`, or of the network, such as `ECONNREFUSED`. */
  readonly code?: string | undefined
  /** The status of the answer. Undefined if there was none. */
  readonly status?: number | undefined
  /** What was going on, such as `connect`. */
  readonly syscall?: string | undefined
}

const codes: Readonly<Record<Reason, ReadonlyArray<string>>> = {
  NoSuchBucket: ["NoSuchBucket"],
  NoSuchKey: ["NoSuchKey"],
  NoSuchUpload: ["NoSuchUpload"],
  Denied: [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "CredentialsProviderError",
    "ExpiredToken",
    "Forbidden",
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidToken",
    "NotSignedUp",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
    "Unauthorized",
    "UnauthorizedAccess"
  ],
  SlowDown: [
    "BandwidthLimitExceeded",
    "OperationAborted",
    "RequestLimitExceeded",
    // The SDK learns the right time from this answer, and signs the next request with it.
    "RequestTimeTooSkewed",
    "SlowDown",
    "SlowDownRead",
    "SlowDownWrite",
    "Throttling",
    "ThrottlingException",
    "TooManyRequests",
    "TooManyRequestsException"
  ],
  Refused: [
    "AuthorizationHeaderMalformed",
    "BadDigest",
    "ERR_INVALID_CHAR",
    "ERR_INVALID_URL",
    "EntityTooLarge",
    "EntityTooSmall",
    "InvalidArgument",
    "InvalidDigest",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidRange",
    "InvalidRequest",
    "KeyTooLongError",
    "MalformedXML",
    "MetadataTooLarge",
    "PermanentRedirect",
    "PreconditionFailed",
    // With some stores these have the status of a denied call.
    "QuotaExceeded",
    "cap_exceeded"
  ],
  Unsupported: ["MethodNotAllowed", "NotImplemented", "UnsupportedOperation"],
  // The request was not sent.
  Unreached: [
    "CERT_HAS_EXPIRED",
    "CERT_NOT_YET_VALID",
    "DEPTH_ZERO_SELF_SIGNED_CERT",
    "EADDRNOTAVAIL",
    "EAI_AGAIN",
    "EAI_FAIL",
    "ECONNREFUSED",
    "EHOSTDOWN",
    "EHOSTUNREACH",
    "ENETDOWN",
    "ENETUNREACH",
    "ENOTFOUND",
    "ERR_TLS_CERT_ALTNAME_INVALID",
    "SELF_SIGNED_CERT_IN_CHAIN",
    "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
    "UNABLE_TO_VERIFY_LEAF_SIGNATURE"
  ],
  // Errors of the client by their status. Swift says `ServiceUnavailable` where some of its disks have the bytes.
  Unsure: ["IncompleteBody", "InternalError", "RequestTimeout", "ServiceUnavailable"]
}

const reasons: ReadonlyMap<string, Reason> = new Map(
  Object.entries(codes).flatMap(([reason, codes]) => codes.map((code) => [code, reason as Reason]))
)

/**
 * The code says what has happened, also where its status is 200. If the code is not known, the status does. What
 * neither says is unsure.
 */
export const reasonOf = (call: Call, failure: Failure): Reason => {
  const reason = failure.code === undefined ? undefined : reasons.get(failure.code)
  if (failure.status === undefined) {
    return reason ?? (failure.syscall === "connect" ? "Unreached" : "Unsure")
  }
  // Ceph RGW says so of the parts of a multipart upload that was completed.
  return reason === "NoSuchKey" && call === "multipart"
    ? "NoSuchUpload"
    : reason ?? (failure.status === 404 ? absent[call] : undefined) ?? ofStatus(failure.status)
}

/** A 404 without a code and with a body is the answer of something else. It proves nothing about an object. */
const absent: Readonly<Partial<Record<Call, Reason>>> = { head: "NoSuchKey", bucket: "NoSuchBucket" }

const ofStatus = (status: number): Reason => {
  switch (status) {
    case 401:
    case 403:
      return "Denied"
    case 405:
    case 501:
      return "Unsupported"
    case 408:
      return "Unsure"
    case 429:
      return "SlowDown"
    default:
      return status >= 300 && status < 500 ? "Refused" : "Unsure"
  }
}

/** The seconds of a `Retry-After`. Its other form, a date, is left out: the clock of the store may be another. */
export const retryAfterOf = (header: string | undefined): number | undefined =>
  header !== undefined && /^\d{1,9}$/.test(header.trim()) ? Number(header) : undefined

/** What a reason means to who runs the server. */
const sentences: Readonly<Record<Reason, string>> = {
  Denied: "the credentials are wrong, or have no right to this call",
  NoSuchBucket: "there is no such bucket",
  NoSuchKey: "there is no such object",
  NoSuchUpload: "there is no such multipart upload",
  Refused: "the store refuses it",
  SlowDown: "the store asks to be asked later",
  Unreached: "there is no connection to the store",
  Unsupported: "the store does not have this call",
  Unsure: "nobody knows whether it took effect"
}

/** One line: what the reason means, and in parentheses what the store or the network said. */
export const messageOf = (reason: Reason, said: ReadonlyArray<string | undefined>, secrets: Secrets = []): string => {
  const words = said.filter((word) => word !== undefined && word !== "").join(": ")
  return lineOf(words === "" ? sentences[reason] : `${sentences[reason]} (${words})`, secrets)
}

export type Secrets = ReadonlyArray<string | undefined>

/** One line without these secrets, and without signatures. */
const lineOf = (text: string, secrets: Secrets): string =>
  secrets
    .filter((secret) => secret !== undefined && secret.length >= 8)
    .reduce<string>((line, secret) => line.replaceAll(String(secret), "***"), text)
    .replace(/\b(Credential|Signature|X-Amz-(?:Credential|Signature|Security-Token))=[\w%+/=.~-]+/gi, "$1=***")
    .replace(/[\p{Cc}\s]+/gu, " ")
    .trim()
    .slice(0, 400)

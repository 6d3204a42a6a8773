import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as S3Failure from "../../src/s3/S3Failure.js"

type Row = readonly [
  who: string,
  call: S3Failure.Call,
  code: string | undefined,
  status: number | undefined,
  S3Failure.Reason
]

const rows: ReadonlyArray<Row> = [
  ["AWS: no such object", "object", "NoSuchKey", 404, "NoSuchKey"],
  ["AWS: no such bucket", "object", "NoSuchBucket", 404, "NoSuchBucket"],
  ["AWS: no such multipart upload", "multipart", "NoSuchUpload", 404, "NoSuchUpload"],
  ["AWS: a HEAD without an object", "head", "NotFound", 404, "NoSuchKey"],
  ["AWS: a HEAD without a bucket", "bucket", "NotFound", 404, "NoSuchBucket"],
  ["AWS: a HEAD that is not allowed", "head", undefined, 403, "Denied"],
  ["AWS: a wrong secret", "object", "SignatureDoesNotMatch", 403, "Denied"],
  ["AWS: an unknown key", "object", "InvalidAccessKeyId", 403, "Denied"],
  ["AWS: a role that has ended", "object", "ExpiredToken", 400, "Denied"],
  ["AWS: another region", "object", "AuthorizationHeaderMalformed", 400, "Refused"],
  ["AWS: another region", "object", "PermanentRedirect", 301, "Refused"],
  ["AWS: too many requests", "object", "SlowDown", 503, "SlowDown"],
  ["AWS: a part is missing", "multipart", "InvalidPart", 400, "Refused"],
  ["AWS: a part is too small", "multipart", "EntityTooSmall", 400, "Refused"],
  ["AWS: wrong bytes", "object", "BadDigest", 400, "Refused"],
  ["AWS: an error in a 200", "multipart", "InternalError", 200, "Unsure"],
  ["AWS: an error in a 200", "multipart", "InvalidPart", 200, "Refused"],
  ["AWS: an error in a 200", "multipart", "SlowDown", 200, "SlowDown"],
  ["AWS: a condition in a race", "multipart", "OperationAborted", 409, "SlowDown"],
  ["AWS: a body that came too slowly", "object", "RequestTimeout", 400, "Unsure"],
  ["AWS: a clock that is wrong", "object", "RequestTimeTooSkewed", 403, "SlowDown"],
  ["AWS: the range is behind the end", "object", "InvalidRange", 416, "Refused"],
  ["Ceph: parts after Complete", "multipart", "NoSuchKey", 404, "NoSuchUpload"],
  ["Ceph: no object to copy from", "object", "NoSuchKey", 404, "NoSuchKey"],
  ["Ceph: Complete twice at once", "multipart", "InternalError", 500, "Unsure"],
  ["Ceph: a quota is used up", "object", "QuotaExceeded", 403, "Refused"],
  ["Ceph: wrong bytes", "object", "XAmzContentSHA256Mismatch", 400, "Refused"],
  ["Swift: a call that it does not have", "object", "NotImplemented", 501, "Unsupported"],
  ["Swift: a method that it does not have", "object", "MethodNotAllowed", 405, "Unsupported"],
  ["Swift: some of its disks have the bytes", "object", "ServiceUnavailable", 503, "Unsure"],
  ["R2: a part of another size", "multipart", "InvalidPart", 400, "Refused"],
  ["R2: wrong credentials", "object", "Unauthorized", 401, "Denied"],
  ["R2: too many writes to a key", "object", "TooManyRequests", 429, "SlowDown"],
  ["Google: a condition does not hold", "object", "PreconditionFailed", 412, "Refused"],
  ["B2: a cap is reached", "object", "cap_exceeded", 403, "Refused"],
  ["MinIO: too many writes", "object", "SlowDownWrite", 503, "SlowDown"],
  ["a proxy without a server behind it", "object", undefined, 502, "Unsure"],
  ["a proxy that has waited too long", "object", undefined, 504, "Unsure"],
  ["a proxy that limits requests", "object", undefined, 429, "SlowDown"],
  ["something else that does not know the path", "object", undefined, 404, "Refused"],
  ["something else that does not know the path", "multipart", undefined, 404, "Refused"],
  ["no credentials", "object", "CredentialsProviderError", undefined, "Denied"],
  ["nobody listens", "object", "ECONNREFUSED", undefined, "Unreached"],
  ["no such host", "object", "ENOTFOUND", undefined, "Unreached"],
  ["a certificate that has expired", "object", "CERT_HAS_EXPIRED", undefined, "Unreached"],
  ["a connection that was closed", "object", "ECONNRESET", undefined, "Unsure"],
  ["a connection that was closed", "object", "EPIPE", undefined, "Unsure"],
  ["metadata that no header can have", "object", "ERR_INVALID_CHAR", undefined, "Refused"],
  ["anything else", "object", "TypeError", undefined, "Unsure"]
]

describe("the reason of a failure", () => {
  for (const [who, call, code, status, reason] of rows) {
    it(`${who}: ${code ?? ""} ${status ?? ""} is ${reason}`, () =>
      assert.strictEqual(S3Failure.reasonOf(call, { code, status }), reason))
  }

  it("is sure while connecting, and unsure after", () => {
    assert.strictEqual(S3Failure.reasonOf("object", { code: "ETIMEDOUT", syscall: "connect" }), "Unreached")
    assert.strictEqual(S3Failure.reasonOf("object", { code: "ETIMEDOUT", syscall: "read" }), "Unsure")
  })

  const answers = [
    FastCheck.constantFrom<S3Failure.Call>("object", "multipart"),
    FastCheck.string(),
    FastCheck.integer({ min: 200, max: 599 })
  ] as const

  it.prop("never takes an unknown answer for an absence", [...answers], ([call, code, status]) => {
    const reason = S3Failure.reasonOf(call, { code, status })
    assert.isFalse(reason.startsWith("NoSuch"))
  })

  it.prop("is never sure of an unknown error of the server", [...answers], ([call, code, status]) => {
    const reason = S3Failure.reasonOf(call, { code, status: 500 + (status % 100) })
    assert.include(["Unsure", "Unsupported"], reason)
  })
})

describe("the message of a failure", () => {
  it("says what it means, and what the store said", () => {
    assert.strictEqual(
      S3Failure.messageOf("NoSuchBucket", ["NoSuchBucket", undefined]),
      "there is no such bucket (NoSuchBucket)"
    )
    assert.strictEqual(S3Failure.messageOf("Unreached", []), "there is no connection to the store")
  })

  it.prop(
    "is one line of bounded length without secrets",
    [FastCheck.array(FastCheck.fullUnicodeString()), FastCheck.uuid()],
    ([said, secret]) => {
      const message = S3Failure.messageOf("Denied", [...said, secret, `x${secret}y`], [secret])
      assert.isFalse(/[\n\r\u2028]/.test(message))
      assert.isAtMost(message.length, 400)
      assert.isFalse(message.includes(secret))
    }
  )

  it("has no signature", () => {
    const said =
      "AWS4-HMAC-SHA256 Credential=AKID/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=ab12"
    assert.strictEqual(
      S3Failure.messageOf("Denied", [said, "http://x/y?X-Amz-Signature=ab12&X-Amz-Security-Token=cd34"]),
      "the credentials are wrong, or have no right to this call (AWS4-HMAC-SHA256 Credential=***, SignedHeaders=host, " +
        "Signature=***: http://x/y?X-Amz-Signature=***&X-Amz-Security-Token=***)"
    )
  })
})

describe("Retry-After", () => {
  it("is a number of seconds, or nothing", () =>
    deepStrictEqual(
      ["7", " 0 ", "1.5", "-1", "Wed, 21 Oct 2015 07:28:00 GMT", "", undefined].map(S3Failure.retryAfterOf),
      [7, 0, undefined, undefined, undefined, undefined, undefined]
    ))
})

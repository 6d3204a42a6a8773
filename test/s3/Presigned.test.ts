import { assert, describe, it } from "@effect/vitest"
import * as Presigned from "../../src/s3/Presigned.js"

const request: Presigned.Unsigned = {
  protocol: "https:",
  host: "examplebucket.s3.amazonaws.com",
  path: "/test.txt",
  query: {},
  date: "20130524T000000Z",
  region: "us-east-1",
  seconds: 86400
}

const credentials = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" }

describe("a presigned URL", () => {
  // The example of https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
  it("is that of AWS's example", () =>
    assert.strictEqual(
      Presigned.url(request, credentials),
      "https://examplebucket.s3.amazonaws.com/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256" +
        "&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request" +
        "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host" +
        "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
    ))

  it("has the token of a session, and its query in the order of names", () => {
    const url = new URL(
      Presigned.url({ ...request, query: { "response-content-disposition": "attachment; filename=\"a'(b)*.txt\"" } }, {
        ...credentials,
        sessionToken: "a+b/c="
      })
    )
    assert.strictEqual(url.searchParams.get("X-Amz-Security-Token"), "a+b/c=")
    assert.include(url.search, "attachment%3B%20filename%3D%22a%27%28b%29%2A.txt%22")
    const names = [...url.searchParams.keys()].slice(0, -1)
    assert.strictEqual(names.join(), names.toSorted().join())
  })
})

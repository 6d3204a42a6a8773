import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Failure from "../../src/cli/terminal/Failure.js"
import { SourceError } from "../../src/client/sources/UploadSource.js"
import * as TusError from "../../src/client/transport/TusError.js"
import * as Jobs from "./jobs.js"

const unanswered = (reason: TusError.Unanswered["reason"], cause: unknown = new Error("why")) =>
  new TusError.Unanswered({ ...Jobs.asked, reason, cause })

const source = (reason: SourceError["reason"], detail: string) => new SourceError({ reason, source: "/a.bin", detail })

const said: ReadonlyArray<readonly [title: string, error: TusError.FileError, sentence: string]> = [
  [
    "nobody answers",
    unanswered("Unreachable"),
    "cannot connect to http://example.com (why); check the address, and that the server is running"
  ],
  [
    "the connection is closed",
    unanswered("Closed"),
    "http://example.com closed the connection without a response; if it expects https, use https: in the URL (why)"
  ],
  [
    "the connection cannot be trusted",
    unanswered("Tls"),
    "no secure connection to http://example.com; its certificate authority is not trusted here (why); use --ca FILE to trust it"
  ],
  [
    "the server does not speak TLS",
    unanswered("Tls", Object.assign(new Error("why"), { code: "ERR_SSL_WRONG_VERSION_NUMBER" })),
    "no secure connection to http://example.com; if it speaks http, use http: in the URL (why)"
  ],
  [
    "the server wants to see a certificate",
    unanswered("Tls", Object.assign(new Error("why"), { code: "ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED" })),
    "no secure connection to http://example.com; it requires a client certificate (why); "
    + "use --cert FILE and --key FILE"
  ],
  [
    "the certificate is that of another",
    unanswered("Tls", Object.assign(new Error("why"), { code: "ERR_TLS_CERT_ALTNAME_INVALID" })),
    "no secure connection to http://example.com; its certificate is for another host (why)"
  ],
  [
    "OpenSSL has a long message",
    unanswered(
      "Tls",
      Object.assign(new Error("80CC:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:a.c:350:\n"), {
        library: "SSL routines",
        reason: "wrong version number"
      })
    ),
    "no secure connection to http://example.com; its certificate authority is not trusted here (wrong version number); "
    + "use --ca FILE to trust it"
  ],
  [
    "the response is not HTTP",
    unanswered("NotHttp"),
    "the response of http://example.com is not HTTP; if it expects https, use https: in the URL (why)"
  ],
  [
    "nothing moves",
    unanswered("Stalled"),
    "the connection to http://example.com stalled (why); --timeout sets how long to wait"
  ],
  [
    "the server wants to know who it is",
    Jobs.refused(401, { text: "<h1>Unauthorized</h1>\n", attempts: 3 }),
    `PATCH http://example.com/files/1 was answered 401: Unauthorized; tried 3 times; send credentials with `
    + `--header "Authorization: ..."`
  ],
  [
    "there is no server of tus",
    Jobs.refused(404, { method: "POST" }),
    "POST http://example.com/files/1 was answered 404; is this the URL of a tus server?"
  ],
  [
    "there is no such upload",
    Jobs.refused(410, { method: "HEAD" }),
    "HEAD http://example.com/files/1 was answered 410; the upload does not exist, or not any more"
  ],
  [
    "the server has moved",
    Jobs.refused(302, { location: "http://b/files" }),
    "PATCH http://example.com/files/1 was answered 302; it has moved, upload to http://b/files"
  ],
  [
    "the server has an error",
    Jobs.refused(500, { text: "out of order" }),
    "PATCH http://example.com/files/1 was answered 500: out of order"
  ],
  [
    "the server is not a tus server",
    new TusError.Misbehaved({ ...Jobs.asked, reason: "NotTus", status: 200, text: "", expected: "204", actual: "200" }),
    "PATCH http://example.com/files/1: expected 204, got 200; is this the URL of a tus server?"
  ],
  [
    "the server cannot take a stream",
    new TusError.Unsupported({ url: "http://a", extension: "creation-defer-length", detail: "no length" }),
    "the tus extension creation-defer-length cannot be used with http://a: no length; save it to a file, and upload that"
  ],
  [
    "the server cannot check",
    new TusError.Unsupported({ url: "http://a", extension: "checksum", detail: "no md5" }),
    "the tus extension checksum cannot be used with http://a: no md5; leave out --checksum"
  ],
  [
    "the server cannot remove",
    new TusError.Unsupported({ url: "http://a", extension: "termination", detail: "they stay" }),
    "the tus extension termination cannot be used with http://a: they stay"
  ],
  [
    "it is too large",
    new TusError.TooLarge({ url: "http://a", length: 11, limit: 10 }),
    "http://a accepts uploads of at most 10 bytes, this one has 11"
  ],
  [
    "the bytes are wanted elsewhere",
    new TusError.ForeignLocation({ url: "http://a", location: "https://b:8080/1" }),
    "http://a sends the upload to https://b:8080/1, another host; allow that host if you trust it; --allow-host b:8080"
  ],
  [
    "the Location is on another host",
    new TusError.ForeignLocation({ url: "http://a", location: "::" }),
    "http://a sends the upload to ::, another host; allow that host if you trust it; --allow-host HOST"
  ],
  [
    "the headers cannot be made",
    new TusError.HeadersError({ url: "http://a", cause: new Error("no token") }),
    "the headers for http://a could not be made: no token"
  ],
  [
    "an option makes no sense",
    new TusError.InvalidOption({ option: "parallel", expected: "a whole number", actual: "0" }),
    "parallel: expected a whole number, got 0"
  ],
  [
    "something given to the client has a bug",
    new TusError.Broken({ what: "the retry schedule", cause: new Error("boom") }),
    "the retry schedule failed unexpectedly: boom"
  ],
  ["the file is not there", source("Missing", "there is no such file"), "/a.bin: there is no such file"],
  [
    "the file is a stream",
    source("NotAFile", "it is a stream"),
    "/a.bin: it is a stream; effect-tus upload - reads the standard input"
  ],
  ["the file is a directory", source("NotAFile", "it is a directory"), "/a.bin: it is a directory"],
  [
    "the file has changed",
    source("Changed", "it has changed"),
    "/a.bin: it has changed; upload it again when nothing writes to it"
  ]
]

describe("the message of an error", () => {
  for (const [title, error, sentence] of said) {
    it(`if ${title}`, () => {
      assert.strictEqual(Failure.sentence(error), sentence)
    })
  }

  it("exists for all errors of an upload", () => {
    const tags = Object.values(TusError).flatMap((
      value
    ) => (typeof value === "function" && "_tag" in value ? [value._tag] : []))
    deepStrictEqual(
      [...new Set(said.map(([, { _tag }]) => _tag))].toSorted(),
      [...tags, "SourceError"].map(String).toSorted()
    )
  })

  it("leaves out the name of the file on request, and keeps the hint", () => {
    assert.strictEqual(
      Failure.reason(source("TooShort", "it ended early")),
      "it ended early; upload it again when nothing writes to it"
    )
    assert.strictEqual(Failure.reason(Jobs.refused(403)), Failure.sentence(Jobs.refused(403)))
  })

  it("exists for any thrown value", () => {
    assert.strictEqual(Failure.sentence(new Error("oh")), "oh")
    assert.strictEqual(Failure.sentence("oh"), "oh")
    assert.strictEqual(Failure.sentence(undefined), "undefined")
    assert.strictEqual(Failure.sentence(new Failure.UsageError({ message: "say more" })), "say more")
    assert.strictEqual(Failure.sentence({ _tag: "Refused" }), "[object Object]")
  })

  it.prop("is one line without control characters, for any text of the server", [
    FastCheck.string({ unit: "binary" }),
    FastCheck.string({ unit: "binary" })
  ], ([one, other]) => {
    for (
      const error of [
        Jobs.refused(500, { text: one, url: other }),
        Jobs.refused(301, { location: one }),
        new TusError.ForeignLocation({ url: one, location: other }),
        unanswered("Closed", new Error(one)),
        source("Changed", one)
      ]
    ) {
      assert.notMatch(Failure.sentence(error), /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u)
      assert.notMatch(Failure.reason(error), /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u)
    }
  })
})

import { assert, describe, it } from "@effect/vitest"
import { HttpRefusal, Refusal, TusDialect } from "effect-tus"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"

type AnyRefusal = Refusal.Refusal | HttpRefusal.HttpRefusal
type Tag = AnyRefusal["_tag"]

/** Each refusal, with its status and its sentence in tus. */
const table: { readonly [T in Tag]: ReadonlyArray<readonly [AnyRefusal & { readonly _tag: T }, number, string]> } = {
  ChecksumMismatch: [[
    new Refusal.ChecksumMismatch({ algorithm: "sha1" }),
    460,
    "Upload-Checksum: the sha1 of the received bytes differs, nothing was kept; send them again"
  ]],
  Contended: [[
    new Refusal.Contended(),
    423,
    "another request has changed this upload meanwhile; ask where it stands"
  ]],
  Denied: [[
    new Refusal.Denied({ status: 402, reason: "first you pay" }),
    402,
    "first you pay"
  ]],
  FinalUpload: [[
    new Refusal.FinalUpload(),
    403,
    "a final upload is made of its partial uploads and takes no bytes of its own"
  ]],
  Finishing: [[
    new Refusal.Finishing(),
    423,
    "all bytes have arrived and are being processed; ask again shortly"
  ]],
  Incomplete: [[
    new Refusal.Incomplete({ offset: 5 }),
    409,
    "expected a complete upload, this one stands at 5"
  ]],
  Interrupted: [
    [
      new Refusal.Interrupted({ reason: "Disconnected", offset: 5 }),
      503,
      "the body ended before its announced end; the upload stands at 5, continue from there"
    ],
    [
      new Refusal.Interrupted({ reason: "Idle", offset: 5 }),
      503,
      "no byte arrived for too long; the upload stands at 5, continue from there"
    ],
    [
      new Refusal.Interrupted({ reason: "TakenOver", offset: 5 }),
      423,
      "a newer request has taken this upload over; the upload stands at 5, continue from there"
    ],
    [
      new Refusal.Interrupted({ reason: "Shutdown", offset: 5 }),
      503,
      "the server is stopping; the upload stands at 5, continue from there"
    ]
  ],
  InvalidHeader: [
    [
      new HttpRefusal.InvalidHeader({ header: "upload-offset", reason: "expected 1", actual: Option.some("2") }),
      400,
      "Upload-Offset: expected 1, got \"2\""
    ],
    [
      new HttpRefusal.InvalidHeader({ header: "constructor", reason: "expected 1", actual: Option.none() }),
      400,
      "Constructor: expected 1"
    ],
    [
      new HttpRefusal.InvalidHeader({ header: "content-type", reason: "expected 1", actual: Option.none() }),
      415,
      "Content-Type: expected 1"
    ],
    [
      new HttpRefusal.InvalidHeader({
        header: "tus-resumable",
        reason: "expected 1",
        actual: Option.some("a\r\nb\"é")
      }),
      412,
      "Tus-Resumable: expected 1, got \"a\\r\\nb\\\"?\""
    ]
  ],
  InvalidRequest: [
    [Refusal.invalid("checksum", "expected x"), 400, "Upload-Checksum: expected x"],
    [Refusal.invalid("coding", "expected x", Option.some("gzip")), 415, "Content-Encoding: expected x, got \"gzip\""],
    [Refusal.invalid("deferral", "expected x"), 400, "Upload-Length, Upload-Defer-Length: expected x"],
    [Refusal.invalid("length", "expected x"), 400, "Upload-Length: expected x"],
    [Refusal.invalid("metadata", "expected x"), 400, "Upload-Metadata: expected x"],
    [Refusal.invalid("parts", "expected x"), 400, "Upload-Concat: expected x"],
    [Refusal.invalid("trailer", "expected x"), 400, "Trailer: expected x"],
    [Refusal.invalid("type", "expected x"), 415, "Content-Type: expected x"]
  ],
  LengthConflict: [
    [
      new Refusal.LengthConflict({ reason: "AlreadyDeclared", expected: 5, actual: 6 }),
      400,
      "Upload-Length: expected 5, as declared before, got 6"
    ],
    [
      new Refusal.LengthConflict({ reason: "BelowOffset", expected: 5, actual: 4 }),
      400,
      "Upload-Length: expected at least 5, the bytes that are already here, got 4"
    ]
  ],
  MethodNotAllowed: [[
    new HttpRefusal.MethodNotAllowed({ method: "BREW", allow: ["OPTIONS", "POST"] }),
    405,
    "expected one of OPTIONS, POST, got \"BREW\""
  ]],
  NotRunnable: [[new Refusal.NotRunnable(), 403, "what was uploaded is to be saved or shown, not to be run"]],
  OffsetMismatch: [[
    new Refusal.OffsetMismatch({ expected: 5, actual: 6 }),
    409,
    "Upload-Offset: expected 5, where the upload stands, got 6"
  ]],
  PartGone: [[
    new Refusal.PartGone({ part: "abc" }),
    410,
    "the partial upload abc is gone, this final upload can never be assembled"
  ]],
  RangeNotSatisfiable: [[
    new Refusal.RangeNotSatisfiable({ size: 5 }),
    416,
    "Range: expected one that begins below 5, the size of the upload"
  ]],
  TooLarge: [
    [
      new Refusal.TooLarge({ reason: "Length", limit: 5 }),
      413,
      "expected a body of at most 5 bytes, the rest of the upload"
    ],
    [new Refusal.TooLarge({ reason: "MaxSize", limit: 5 }), 413, "expected an upload of at most 5 bytes"]
  ],
  UploadExpired: [[
    new Refusal.UploadExpired({ id: "abc" }),
    410,
    "the upload abc has expired; create a new one"
  ]],
  UploadNotFound: [[new Refusal.UploadNotFound({ id: "a\nb" }), 404, "no upload \"a\\nb\" here"]],
  UploadRejected: [[new Refusal.UploadRejected({ status: 422, reason: "a virus" }), 422, "a virus"]]
}

describe("Refusal", () => {
  for (const [tag, cases] of Object.entries(table)) {
    for (const [refusal, status, message] of cases) {
      it(`${tag}: ${status}, ${JSON.stringify(message)}`, () => {
        assert.strictEqual(refusal._tag, tag)
        const refused = TusDialect.refuse(refusal)
        assert.strictEqual(refused.status, status)
        assert.strictEqual(refused.body, `${message}\n`)
        assert.isTrue(Refusal.isRefusal(refusal) !== HttpRefusal.isHttpRefusal(refusal))
      })
    }
  }

  it("every refusal is in the union, with a tag of its own", () => {
    const tags = Refusal.Refusal.members.map(({ _tag }) => _tag)
    assert.sameMembers([...tags, "InvalidHeader", "MethodNotAllowed"], Object.keys(table))
    assert.strictEqual(new Set(tags).size, tags.length)
    const classes = Object.values(Refusal).filter((member) => "_tag" in Object(member))
    assert.sameMembers<unknown>(classes, [...Refusal.Refusal.members])
  })

  it("other values are not refusals", () => {
    for (const value of [undefined, null, "refusal", {}, new Error("x"), { _tag: "OffsetMismatch", status: 409 }]) {
      assert.isFalse(Refusal.isRefusal(value))
    }
  })

  it("no other refusal has a status for which clients forget an upload: 403, 404, 410", () => {
    const forgetting = Object.values(table).flat().filter(([, status]) => [403, 404, 410].includes(status))
    assert.sameMembers<Tag>(forgetting.map(([{ _tag }]) => _tag), [
      "FinalUpload",
      // Refusals of downloads.
      "NotRunnable",
      "PartGone",
      "UploadExpired",
      "UploadNotFound"
    ])
  })

  const hostile = FastCheck.oneof(
    FastCheck.string({ unit: "binary", maxLength: 200 }),
    FastCheck.constantFrom("\r\nx", "\u0000".repeat(10240), "💥".repeat(5000), "\"\\".repeat(5000), "\u2028")
  )

  it.prop("text of the client is shortened to one line of printable ASCII", [hostile], ([value]) => {
    for (
      const refusal of [
        new HttpRefusal.InvalidHeader({ header: "upload-concat", reason: "expected x", actual: Option.some(value) }),
        new Refusal.UploadNotFound({ id: value }),
        new HttpRefusal.MethodNotAllowed({ method: value, allow: ["POST"] })
      ]
    ) {
      const { body = "" } = TusDialect.refuse(refusal)
      assert.match(body, /^[\x20-\x7e…]+\n$/)
      assert.isBelow(body.length, 600)
    }
  })

  it.prop(
    "every refusal can be constructed from any fields, and has a message",
    [Refusal.Refusal],
    ([refusal]) => {
      const { status } = TusDialect.refuse(refusal)
      assert.isTrue(status >= 400 && status < 600)
      // Some have no words but those that they are given.
      if (!("reason" in refusal && refusal.reason === "")) {
        assert.isAbove(refusal.message.length, 0)
      }
    }
  )
})

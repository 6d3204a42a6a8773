import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusError, UploadSource } from "effect-tus/client"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { Change, classify, decide, type Facts, giveUp, RecoveryPlan } from "../../src/client/upload/RecoveryPlan.js"
import { unlimited } from "../../src/client/upload/UploadPosition.js"
import type * as NextStep from "../../src/wire/tus/NextStep.js"

const now = DateTime.unsafeMake("2026-01-01T00:00:00Z")

const asked = (attempts: number) => ({ method: "PATCH", url: "http://a/files/1", offset: Option.some(0), attempts })

const unanswered = (reason: TusError.Unanswered["reason"], attempts = 1) =>
  new TusError.Unanswered({ ...asked(attempts), reason, cause: new Error("test") })

const refused = (status: number, attempts = 1, retryAfter?: string) =>
  new TusError.Refused({ ...asked(attempts), status, text: "", retryAfter, location: undefined })

const misbehaved = (reason: TusError.Misbehaved["reason"]) =>
  new TusError.Misbehaved({ ...asked(1), reason, status: 204, text: "", expected: "", actual: "" })

const brokeOff = (attempts: number) => [
  unanswered("Closed", attempts),
  unanswered("Stalled", attempts),
  ...[408, 502, 504, 524].map((status) => refused(status, attempts))
]

const at = (host: string) => ({ url: `http://${host}/files/1`, crossOrigin: host !== "a" })

const facts: Facts = {
  adjustments: { emptyCreation: false, recreated: false, resynced: false },
  position: { confirmed: 10, place: { _tag: "OffsetKnown", at: at("a"), offset: 10 } },
  refreshed: false,
  inherited: false,
  named: false,
  seekable: true,
  chunkSize: { min: 100 },
  tried: 1000
}
const recreated = { ...facts.adjustments, recreated: true }
const resynced = { ...facts.adjustments, resynced: true }
const notCreated = { confirmed: 0, place: { _tag: "NotCreated" } } as const
const elsewhere = { confirmed: 0, place: { _tag: "OffsetUnknown", at: at("b"), entry: Option.none() } } as const

const paid = (change: Change, seconds = 0) => RecoveryPlan.Paid({ change, delay: Duration.seconds(seconds) })
const same = Change.Nothing()

type Row = readonly [
  title: string,
  verbs: ReadonlyArray<NextStep.Verb>,
  errors: ReadonlyArray<TusError.TusError>,
  facts: Partial<Facts>,
  done: RecoveryPlan
]

const creations = ["Create", "CreateWithUpload"] as const
const toUploads = ["Inspect", "Append"] as const
const all = [...creations, ...toUploads] as const

const table: ReadonlyArray<Row> = [
  ["401 has the headers made anew", all, [refused(401)], {}, RecoveryPlan.AtOnce({ change: Change.Refresh() })],
  ["a second 401 fails", all, [refused(401)], { refreshed: true }, RecoveryPlan.Fail()],
  ["409 is followed by a HEAD", ["Append"], [refused(409)], {}, RecoveryPlan.AtOnce({ change: Change.Resync() })],
  ["a second 409 costs an attempt", ["Append"], [refused(409)], { adjustments: resynced }, paid(Change.Resync())],

  ["a lost upload is created anew", toUploads, [refused(404), refused(410)], {}, RecoveryPlan.Recreate()],
  ["an upload that is lost twice fails", toUploads, [refused(404)], { adjustments: recreated }, RecoveryPlan.Fail()],
  ["a lost upload that the application named fails", toUploads, [refused(404)], { named: true }, RecoveryPlan.Fail()],
  [
    "a lost stream whose first bytes are gone fails",
    toUploads,
    [refused(404)],
    { seekable: false },
    RecoveryPlan.Fail()
  ],
  [
    "a lost stream that has all its bytes is created anew",
    toUploads,
    [refused(404)],
    { seekable: false, position: elsewhere },
    RecoveryPlan.Recreate()
  ],
  [
    "a lost upload of another session makes room for the next candidate",
    toUploads,
    [refused(404), refused(410)],
    { inherited: true },
    RecoveryPlan.NextUpload({ why: "Gone" })
  ],

  [
    "a chunk that is too large is halved",
    ["Append"],
    [refused(413)],
    {},
    RecoveryPlan.AtOnce({ change: Change.Shrink({ limit: 500 }) })
  ],
  ["the smallest chunk is not halved", ["Append"], [refused(413)], { tried: 100 }, RecoveryPlan.Fail()],
  [
    "a creation that is too large is repeated without bytes",
    ["CreateWithUpload"],
    [refused(413)],
    {},
    RecoveryPlan.AtOnce({ change: Change.EmptyCreation({ limit: unlimited }) })
  ],
  ["an upload that is too large fails", ["Create"], [refused(413)], { position: notCreated }, RecoveryPlan.Fail()],

  ["503 is waited for", all, [refused(503), refused(500), refused(429)], {}, paid(same)],
  ["Retry-After is obeyed", all, [refused(503, 1, "120"), refused(429, 1, "120")], {}, paid(same, 120)],
  ["a lost network is waited for", all, [unanswered("Unreachable")], {}, paid(same)],
  ["a PATCH that moved nothing costs an attempt", ["Append"], [misbehaved("NoProgress")], {}, paid(same)],
  [
    "a creation whose body broke off is repeated without bytes, and later creations carry fewer",
    ["CreateWithUpload"],
    brokeOff(1),
    {},
    paid(Change.EmptyCreation({ limit: 500 }))
  ],
  ["a PATCH that broke off once keeps its size", ["Append"], brokeOff(1), {}, paid(same)],
  ["a PATCH that broke off twice is smaller", ["Append"], brokeOff(2), {}, paid(Change.Shrink({ limit: 500 }))],
  ["the smallest PATCH that broke off twice is sent again", ["Append"], brokeOff(2), { tried: 100 }, paid(same)],
  ["a request without bytes that broke off is sent again", ["Create", "Inspect"], brokeOff(2), {}, paid(same)],
  [
    "a failure that has nothing to do with the body changes no size",
    ["CreateWithUpload", "Append"],
    [unanswered("Unreachable", 2), ...[423, 429, 460, 500, 503].map((status) => refused(status, 2))],
    {},
    paid(same)
  ],

  [
    "a failure that no attempt can mend fails",
    all,
    [
      refused(400),
      refused(403),
      unanswered("Tls"),
      unanswered("Invalid"),
      misbehaved("NotTus"),
      misbehaved("OffsetBeyond"),
      UploadSource.tooShort("file", 10, 5)
    ],
    {},
    RecoveryPlan.Fail()
  ],
  [
    "an upload of another session that is refused makes room for the next candidate",
    toUploads,
    [refused(403), misbehaved("NotTus")],
    { inherited: true },
    RecoveryPlan.NextUpload({ why: "Refused" })
  ],
  [
    "an upload of another session that a second 401 refuses does so, too",
    toUploads,
    [refused(401)],
    { inherited: true, refreshed: true },
    RecoveryPlan.NextUpload({ why: "Refused" })
  ],
  [
    "the smallest chunk that is too large fails, also in an upload of another session",
    ["Append"],
    [refused(413)],
    { inherited: true, tried: 100 },
    RecoveryPlan.Fail()
  ],
  ["a creation has no next candidate", creations, [refused(403)], { position: notCreated }, RecoveryPlan.Fail()]
]

const unpaid: ReadonlyArray<readonly [string, ReadonlyArray<TusError.TusError>, Partial<Facts>, RecoveryPlan]> = [
  ["an upload of this session fails", [refused(503), unanswered("Closed")], {}, RecoveryPlan.Fail()],
  [
    "an upload of another session fails if a new one would fail, too",
    [refused(503), unanswered("Closed"), misbehaved("NoProgress")],
    { inherited: true },
    RecoveryPlan.Fail()
  ],
  [
    "an upload of another session on an unreachable host makes room for the next candidate",
    [unanswered("Unreachable")],
    { inherited: true, position: elsewhere },
    RecoveryPlan.NextUpload({ why: "Refused" })
  ],
  [
    "an upload of another session makes room for the next candidate after a lasting conflict",
    [refused(409)],
    { inherited: true, adjustments: resynced },
    RecoveryPlan.NextUpload({ why: "Refused" })
  ]
]

describe("the plan after a failed request", () => {
  for (const [title, verbs, errors, given, done] of table) {
    it(title, () => {
      for (const verb of verbs) {
        for (const error of errors) {
          deepStrictEqual(decide({ ...facts, ...given }, verb, error, classify(verb, error, now)), done, verb)
        }
      }
    })
  }

  const anyFacts: FastCheck.Arbitrary<Facts> = FastCheck.record({
    adjustments: FastCheck.record({
      emptyCreation: FastCheck.boolean(),
      recreated: FastCheck.boolean(),
      resynced: FastCheck.boolean()
    }),
    position: FastCheck.constantFrom(facts.position, notCreated, elsewhere),
    refreshed: FastCheck.boolean(),
    inherited: FastCheck.boolean(),
    named: FastCheck.boolean(),
    seekable: FastCheck.boolean(),
    chunkSize: FastCheck.constant(facts.chunkSize),
    tried: FastCheck.nat(1000)
  })

  it.prop("never leaves or recreates an upload that it must not replace", [
    anyFacts,
    FastCheck.constantFrom(...all),
    FastCheck.integer({ min: 300, max: 599 })
  ], ([facts, verb, status]) => {
    const error = refused(status)
    const plan = decide(facts, verb, error, classify(verb, error, now))
    deepStrictEqual(plan._tag === "NextUpload" && !facts.inherited, false)
    deepStrictEqual(plan._tag === "Recreate" && (facts.named || facts.adjustments.recreated), false)
  })
})

describe("the plan if the schedule allows no more attempts", () => {
  for (const [title, errors, given, done] of unpaid) {
    it(title, () => {
      for (const error of errors) {
        deepStrictEqual(giveUp({ ...facts, ...given }, error), done)
      }
    })
  }
})

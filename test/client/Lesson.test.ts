import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { TusError } from "effect-tus/client"
import * as Option from "effect/Option"
import * as Lesson from "../../src/client/upload/Lesson.js"
import type * as NextStep from "../../src/protocol/NextStep.js"

const asked = (attempts: number) => ({ method: "PATCH", url: "http://a/files/1", offset: Option.some(0), attempts })

const unanswered = (reason: TusError.Unanswered["reason"], attempts: number) =>
  new TusError.Unanswered({ ...asked(attempts), reason, cause: new Error("test") })

const refused = (status: number, attempts: number) =>
  new TusError.Refused({ ...asked(attempts), status, text: "", retryAfter: undefined, location: undefined })

const brokeOff = [
  (attempts: number) => unanswered("Closed", attempts),
  (attempts: number) => unanswered("Stalled", attempts),
  ...[408, 502, 504, 524].map((status) => (attempts: number) => refused(status, attempts))
]
const others = [
  (attempts: number) => unanswered("Unreachable", attempts),
  ...[423, 429, 460, 500, 503].map((status) => (attempts: number) => refused(status, attempts))
]

type Row = readonly [
  title: string,
  errors: typeof brokeOff,
  attempts: number,
  verbs: ReadonlyArray<NextStep.Verb>,
  lesson: Lesson.Lesson
]

const table: ReadonlyArray<Row> = [
  ["a creation that breaks off in its bytes is made without them", brokeOff, 1, ["CreateWithUpload"], "Alone"],
  ["bytes that break off go on where they stand", brokeOff, 1, ["Append"], "Nothing"],
  ["bytes that break off again, where none got through, are fewer", brokeOff, 2, ["Append"], "Fewer"],
  [
    "what brings no bytes teaches nothing",
    brokeOff,
    2,
    ["Discover", "Create", "Concat", "Inspect", "Terminate"],
    "Nothing"
  ],
  ["what is not about bytes teaches nothing", others, 2, ["CreateWithUpload", "Append"], "Nothing"]
]

describe("Lesson", () => {
  for (const [title, errors, attempts, verbs, lesson] of table) {
    it(title, () => {
      for (const error of errors) {
        for (const verb of verbs) {
          deepStrictEqual(Lesson.of(verb, error(attempts)), lesson)
        }
      }
    })
  }
})

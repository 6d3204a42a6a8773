import { assert, describe, it } from "@effect/vitest"
import * as Duration from "effect/Duration"
import * as Option from "effect/Option"
import type * as Upload from "../../examples/browser/Upload.js"
import * as Words from "../../examples/browser/Words.js"

const MiB = 1024 * 1024

const upload = (changes: Partial<Upload.Upload>) => ({
  state: "Uploading",
  sent: 6 * MiB,
  total: 12 * MiB,
  rate: MiB,
  eta: Option.some(Duration.seconds(6)),
  ...changes
} as Upload.Upload)

const lines: Array<[changes: Partial<Upload.Upload>, text: string]> = [
  [{}, "50 %, 6.0 MiB of 12.0 MiB, 1.0 MiB/s, 6 s left"],
  [{ eta: Option.some(Duration.minutes(61)) }, "50 %, 6.0 MiB of 12.0 MiB, 1.0 MiB/s, 61 min left"],
  [{ eta: Option.none(), rate: 0 }, "50 %, 6.0 MiB of 12.0 MiB"],
  [{ state: "Paused" }, "50 %, 6.0 MiB of 12.0 MiB"],
  [{ sent: 12 * MiB - 1 }, "99 %, 12.0 MiB of 12.0 MiB, 1.0 MiB/s, 6 s left"],
  [{ state: "Done" }, "12.0 MiB"]
]

describe("the text about the progress of an upload", () => {
  for (const [changes, text] of lines) {
    it(`is ${text}`, () => assert.strictEqual(Words.figures(upload(changes)).replaceAll("\u00a0", " "), text))
  }
})

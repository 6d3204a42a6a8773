/**
 * Files that do not exist, and updates about them.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import type { Job, Update } from "../../src/cli/terminal/FileUpload.js"
import { SourceError } from "../../src/client/sources/UploadSource.js"
import * as TusError from "../../src/client/transport/TusError.js"
import type { Progress } from "../../src/client/upload/Progress.js"

export const job = (name: string, size?: number): Job => ({
  name,
  size: Option.fromNullable(size),
  endpoint: "http://example.com/files",
  metadata: {},
  open: Effect.fail(new SourceError({ reason: "Missing", source: name, detail: "there is no such file" })),
  checksum: Option.none(),
  parts: Option.none(),
  resumable: true
})

export const progress = (
  file: Job,
  event: Progress["event"],
  sent: number,
  more: Partial<Progress> = {}
): Extract<Update, { readonly _tag: "Progress" }> => ({
  _tag: "Progress",
  file,
  progress: {
    event,
    url: Option.some("http://example.com/files/1"),
    total: file.size,
    sent,
    acknowledged: sent,
    resumed: 0,
    chunks: 1,
    retries: 0,
    elapsed: Duration.seconds(2),
    rate: 0,
    eta: Option.none(),
    problem: Option.none(),
    retryIn: Option.none(),
    answer: Option.none(),
    ...more
  }
})

export const started = (file: Job): Update => ({ _tag: "Started", file })

export const failed = (file: Job, error: TusError.TusError = unreachable): Extract<Update, { _tag: "Failed" }> => ({
  _tag: "Failed",
  file,
  error
})

export const retrying = (file: Job, delay: Duration.DurationInput, error: TusError.TusError = unreachable): Update => ({
  _tag: "Retrying",
  file,
  error,
  delay: Duration.decode(delay)
})

export const asked = { method: "PATCH", url: "http://example.com/files/1", offset: Option.some(0), attempts: 1 }

export const unreachable = new TusError.Unanswered({ ...asked, reason: "Unreachable", cause: new Error("refused") })

export const refused = (status: number, more: Partial<ConstructorParameters<typeof TusError.Refused>[0]> = {}) =>
  new TusError.Refused({ ...asked, status, text: "", retryAfter: undefined, location: undefined, ...more })

/** Names with any characters: wide, invisible, composed, and control characters. */
export const names: FastCheck.Arbitrary<string> = FastCheck.oneof(
  FastCheck.string({ unit: "grapheme", maxLength: 120 }),
  FastCheck.string({ unit: "binary", maxLength: 120 }),
  FastCheck.array(
    FastCheck.constantFrom("a", "é", "e\u0301", "語", "😀", "👨‍👩‍👧‍👦", "🇩🇪", "❤️", "\u200b", "\u0007", "\ud800", "．"),
    { maxLength: 120 }
  ).map((pieces) => pieces.join(""))
)

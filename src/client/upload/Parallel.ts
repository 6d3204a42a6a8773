/**
 * A source that is sent in several parts at the same time, which the server joins at the end. Each part is an upload
 * and resumes by itself.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { RawResponse } from "../../wire/Message.js"
import * as Endpoint from "../requests/Endpoint.js"
import * as Location from "../requests/Location.js"
import { TusClient } from "../requests/TusClient.js"
import type { UploadSource } from "../sources/UploadSource.js"
import { Misbehaved, type TusError } from "../transport/TusError.js"
import type * as Division from "./Division.js"
import * as JournaledUpload from "./JournaledUpload.js"
import * as Progress from "./Progress.js"
import * as Retry from "./Retry.js"
import * as Uploader from "./Uploader.js"
import type { WithDefaults } from "./UploadOptions.js"

const sliceOf = ({ bytes, ...source }: UploadSource, { length, start }: Division.Range): UploadSource => ({
  ...source,
  length: Option.some(length),
  ready: (offset, size) => {
    const ready = Math.max(0, Math.min(size, length - offset))
    return Effect.succeed({ size: ready, last: offset + ready >= length })
  },
  read: (offset, size) => source.read(start + offset, size),
  bytes: bytes && ((offset, size) => bytes(start + offset, size)),
  release: () => Effect.void
})

export const run = Effect.fnUntraced(function*<R>(
  options: WithDefaults<R>,
  ranges: ReadonlyArray<Division.Range>,
  key: JournaledUpload.Key,
  onProgress: (progress: Progress.Progress) => void
) {
  const client = yield* TusClient
  const endpoint = client.endpoint(options.endpoint)
  const uploadMetadata = JournaledUpload.metadataOf(options, key)
  const isRemembered = Option.isSome(yield* key.fingerprint)
  const combined = combine(ranges.length, options.source.length, onProgress)
  const retry = yield* Retry.make(options.retry, endpoint, combined.failed)

  const uploaders = yield* Effect.forEach(
    ranges,
    (range, i) =>
      Uploader.makeScoped({ ...options, uploadMetadata, source: sliceOf(options.source, range) }, combined.part(i), {
        count: ranges.length,
        key: JournaledUpload.keyOfRange(key, range)
      })
  )

  /** Removes the parts from the server, as far as it can be reached. */
  const abandon = Effect.forEach(uploaders, (uploader) => Effect.ignore(uploader.terminate), {
    concurrency: "unbounded",
    discard: true
  }).pipe(Effect.interruptible, Effect.timeoutOption(Uploader.terminateTimeout))

  const parts = yield* Effect.forEach(
    uploaders,
    (uploader) => Effect.map(uploader.all, ({ url }) => Option.getOrElse(url, () => "")),
    { concurrency: "unbounded" }
  ).pipe(
    // Parts that no journal remembers are removed: no later session could know their URLs. All others stay, whatever
    // the error is. A new token, or a file that is there again, may let the next session continue.
    Effect.tapError(() => (isRemembered ? Effect.void : abandon)),
    options.terminateOnInterrupt === true ? Effect.onInterrupt(() => abandon) : (self) => self
  )

  const final = yield* retry.persist("Concat", (attempt) =>
    client.concatenate({
      ...attempt,
      url: endpoint.url,
      parts: parts.map((url) => Location.shorten(endpoint.url, url)) as [string, ...Array<string>],
      metadata: uploadMetadata
    }))
  const at = yield* Location.check(endpoint.url, final.url, options.allowedHosts ?? [])
  const total = Option.getOrElse(options.source.length, () => 0)
  yield* retry.persist("Inspect", (attempt) =>
    Effect.filterOrFail(
      client.head({ ...attempt, url: at.url, anonymous: at.crossOrigin }),
      ({ offset }) => Option.contains(offset, total),
      ({ offset }) =>
        new Misbehaved({
          method: "HEAD",
          url: at.url,
          offset,
          attempts: attempt.attempts,
          reason: "NoProgress",
          status: 200,
          text: "",
          expected: `the offset ${total} once the parts are joined`,
          actual: Option.match(offset, { onNone: () => "none", onSome: String })
        })
    ))
  yield* Effect.forEach(uploaders, ({ forget }) => forget)
  return combined.complete(at.url, final.answer)
}, Effect.scoped)

/**
 * Whether the server can join parts.
 *
 * @param begun - there are parts already. Then a server that does not declare its extensions is taken to support
 * joining.
 */
export const isPossible = Effect.fnUntraced(function*<R>(options: WithDefaults<R>, begun: boolean) {
  const client = yield* TusClient
  const endpoint = client.endpoint(options.endpoint)
  const retry = yield* Retry.make(options.retry, endpoint, () => {})
  const known = yield* retry.persist("Discover", (attempt) => {
    const call = { ...attempt, url: endpoint.url }
    return Effect.catchTag(
      endpoint.capabilities(client.discover(call)),
      "Unanswered",
      // A page may not be allowed to send OPTIONS. If HEAD is not answered either, the server cannot be reached.
      (error) =>
        Effect.matchEffect(client.head(call), {
          onSuccess: () => Effect.sync(endpoint.known),
          onFailure: (other) => other._tag === "Unanswered" ? Effect.fail(error) : Effect.sync(endpoint.known)
        })
    )
  }).pipe(Effect.catchTag("Refused", () => Effect.sync(endpoint.known)))
  return begun ? !Endpoint.lacks(known, "concatenation") : Endpoint.has(known, "concatenation")
})

/** The progress of the whole upload, as the sum of its parts. */
const combine = (
  count: number,
  total: Option.Option<number>,
  onProgress: (progress: Progress.Progress) => void
) => {
  const parts = new Map<number, Progress.Progress>()
  const begun = new Map<number, "Created" | "Resumed">()
  let failures = 0
  const publish = (
    event: Progress.Progress["event"],
    fields: Partial<Pick<Progress.Progress, "url" | "problem" | "retryIn" | "answer">>
  ) => {
    const all = [...parts.values()]
    const sum = (field: "sent" | "acknowledged" | "resumed" | "chunks" | "retries" | "rate") =>
      all.reduce((sum, progress) => sum + progress[field], 0)
    const progress: Progress.Progress = {
      event,
      url: Option.none(),
      total,
      sent: sum("sent"),
      acknowledged: sum("acknowledged"),
      resumed: sum("resumed"),
      chunks: sum("chunks"),
      retries: sum("retries") + failures,
      elapsed: all.reduce((longest, { elapsed }) => Duration.max(longest, elapsed), Duration.zero),
      rate: sum("rate"),
      eta: Progress.eta(sum("rate"), Option.map(total, (total) => total - sum("sent"))),
      problem: Option.none(),
      retryIn: Option.none(),
      answer: Option.none(),
      ...fields
    }
    onProgress(progress)
    return progress
  }
  return {
    part: (i: number) => (progress: Progress.Progress) => {
      const { event, problem, retryIn } = progress
      parts.set(i, progress)
      if (event !== "Created" && event !== "Resumed") {
        publish(event === "Complete" ? "Acknowledged" : event, { problem, retryIn })
        return
      }
      const before = begun.size
      begun.set(i, event)
      if (before < count && begun.size === count) {
        publish([...begun.values()].includes("Resumed") ? "Resumed" : "Created", { problem })
      }
    },
    failed: (error: TusError, retryIn: Duration.Duration) => {
      failures++
      publish("Retrying", { problem: Option.some(error), retryIn: Option.some(retryIn) })
    },
    complete: (url: string, answer: RawResponse) =>
      publish("Complete", { url: Option.some(url), answer: Option.some(answer) })
  }
}

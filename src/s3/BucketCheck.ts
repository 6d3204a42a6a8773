/**
 * What can be known of a bucket before the first upload: whether it can be written and read, and whether it drops
 * unfinished uploads before they expire.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { OptionError } from "../server/policy/OptionError.js"
import { TusPolicy } from "../server/policy/TusPolicy.js"
import { newName } from "../store/Pairing.js"
import type { UploadStoreError } from "../store/UploadStoreError.js"
import { toStoreError } from "./S3Calls.js"
import { type S3Error, S3Objects } from "./S3Objects.js"

/**
 * Writes, reads and removes a small object. If the process ends in between, the sweep removes it: it has the name of a
 * piece of no upload.
 */
const write = (prefix: string) =>
  Effect.flatMap(S3Objects, (s3) =>
    Effect.gen(function*() {
      const key = `${prefix}check/0-0-${newName()}`
      yield* s3.put(key, new Uint8Array(1))
      yield* Stream.runDrain(s3.get(key, { start: 0, end: 1 }))
      yield* s3.remove(key)
    }).pipe(Effect.mapError((error) => toStoreError("Write")(error, `use the bucket ${s3.bucket}`))))

/** Not everybody has the right to read the rules, and not every store has some. */
const ruleOf = (s3: S3Objects["Type"], prefix: string): Effect.Effect<Option.Option<Option.Option<number>>> =>
  Effect.catchAll(Effect.asSome(s3.abortRule(prefix)), (error: S3Error) =>
    Effect.as(
      Effect.logWarning(
        `The rules of the bucket ${s3.bucket} cannot be read (${error.message}): incomplete multipart uploads have to stay there for longer than uploads live`
      ),
      Option.none()
    ))

/** A rule counts from the beginning of a multipart upload, whatever is added later. */
const compare = (bucket: string, days: number): Effect.Effect<void, OptionError> =>
  Effect.flatMap(TusPolicy, ({ expiresAfter }) => {
    const drops = `the bucket ${bucket} drops incomplete multipart uploads after ${days} days`
    return expiresAfter === undefined
      ? Effect.logWarning(`Uploads do not expire, and ${drops}: set expiresAfter to less`)
      : Duration.lessThan(expiresAfter, Duration.days(days))
      ? Effect.void
      : new OptionError({
        option: "expiresAfter",
        expected: `less than ${days} days, because ${drops}`,
        actual: Duration.format(expiresAfter)
      })
  })

/** Fails with one sentence if the bucket cannot be used, or if its rule is shorter than `TusPolicy.expiresAfter`. */
export const run = (prefix: string): Effect.Effect<void, OptionError | UploadStoreError, S3Objects> =>
  Effect.gen(function*() {
    const s3 = yield* S3Objects
    yield* write(prefix)
    const rule = Option.flatten(yield* ruleOf(s3, prefix))
    yield* Option.match(rule, { onNone: () => Effect.void, onSome: (days) => compare(s3.bucket, days) })
  })

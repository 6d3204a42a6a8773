/**
 * The bytes of a range of an object, by `@aws-sdk/client-s3`.
 */
import type { GetObjectCommandOutput } from "@aws-sdk/client-s3"
import * as Chunk from "effect/Chunk"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Monotonic from "../time/Monotonic.js"
import * as S3Failure from "./S3Failure.js"
import { type ByteRange, S3Error } from "./S3Objects.js"
import * as SdkCalls from "./SdkCalls.js"

/** Asks for a range, with a signal that aborts the request and its answer. */
export type Get = (options: SdkCalls.Abortable) => Promise<GetObjectCommandOutput>

/**
 * Waits for the store at most as long as its limit says, all in all. Time in which the reader does not want bytes does
 * not count. What is not read to its end is aborted.
 */
export const make = (
  call: SdkCalls.Call,
  operation: string,
  range: ByteRange,
  get: Get
): Stream.Stream<Uint8Array, S3Error> =>
  Stream.unwrapScoped(Effect.gen(function*() {
    const size = range.end - range.start
    const limit = SdkCalls.patience(size)
    const description: SdkCalls.Description = { call: "object", operation, limit }
    const { signal } = yield* Effect.acquireRelease(
      Effect.sync(() => new AbortController()),
      (controller) => Effect.sync(() => controller.abort())
    )
    let left = Duration.toMillis(limit)
    const wait = <A>(run: () => Promise<A>): Effect.Effect<A, S3Error> =>
      Effect.flatMap(Monotonic.millis, (start) =>
        Effect.ensuring(
          call(description, run, Duration.millis(left)),
          Effect.map(Monotonic.millis, (end) => {
            left -= end - start
          })
        ))

    const answer = yield* wait(() => get({ abortSignal: signal }))
    const chunks = chunksOf(answer)
    if (chunks === undefined) {
      return yield* SdkCalls.incomplete(description, "body")
    }
    yield* checkRange(operation, range, answer)
    let missing = size
    return Stream.repeatEffectChunkOption(Effect.suspend((): Effect.Effect<
      Chunk.Chunk<Uint8Array>,
      Option.Option<S3Error>
    > =>
      Effect.matchEffect(wait(() => chunks.next()), {
        onFailure: (error) => Effect.fail(Option.some(error)),
        onSuccess: ({ done, value }) => {
          if (done === true) {
            return Effect.fail(missing === 0 ? Option.none() : Option.some(short(operation, size, size - missing)))
          }
          missing -= value.byteLength
          return Effect.succeed(Chunk.of(value))
        }
      })
    ))
  }))

/** The SDK says which of its bodies it has only by its types: those of Node and of the web can both be iterated. */
const chunksOf = ({ Body }: GetObjectCommandOutput): AsyncIterator<Uint8Array> | undefined =>
  Body === undefined ? undefined : (Body as unknown as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()

/**
 * The store may have fewer bytes than were asked for, and answers then with those. One that does not know ranges, or a
 * cache before it, sends the whole object.
 */
const checkRange = (
  operation: string,
  { end, start }: ByteRange,
  { ContentLength = NaN, ContentRange = "" }: GetObjectCommandOutput
): Effect.Effect<void, S3Error> => {
  const [, from = "0", to = String(ContentLength - 1)] = /^bytes (\d+)-(\d+)\//.exec(ContentRange) ?? []
  const came = Number(to) + 1 - start
  return Number(from) !== start || !(came <= end - start)
    ? Effect.fail(
      new S3Error({
        reason: "Unsupported",
        operation,
        message: S3Failure.messageOf("Unsupported", ["the answer is not the range that was asked for"])
      })
    )
    : came < end - start
    ? Effect.fail(short(operation, end - start, came))
    : Effect.void
}

const short = (operation: string, size: number, came: number) =>
  new S3Error({
    reason: "Refused",
    operation,
    message: S3Failure.messageOf("Refused", [`${size} bytes were asked for, and there are ${came}`])
  })

/**
 * Reads a part of a file as a stream.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import type { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "./NodeFs.js"

/** How many bytes of a file one reader keeps in memory. */
const readBytes = 256 * 1024

/** The bytes from `start` to `end` (exclusive). Fails with `Corrupt` if the file has fewer. */
export const read = (
  path: string,
  { end, start }: { readonly start: number; readonly end: number }
): Stream.Stream<Uint8Array, UploadStoreError> =>
  Stream.unwrapScoped(
    Effect.gen(function*() {
      const file = yield* NodeFs.openScoped(path, "r")
      if ((yield* NodeFs.size(file)) < end) {
        return yield* NodeFs.tooShort(path, end)
      }
      return start >= end ? Stream.empty : Stream.paginateEffect(start, (at) => {
        const buffer = Buffer.allocUnsafeSlow(Math.min(readBytes, end - at))
        return Effect.map(NodeFs.read(file, buffer, at), (count): [Uint8Array, Option.Option<number>] => [
          buffer.subarray(0, count),
          Option.liftPredicate(at + count, (next) => next < end)
        ])
      })
    }).pipe(
      Effect.catchIf(NodeFs.isAbsent, () => (end > 0 ? NodeFs.tooShort(path, end) : Effect.succeed(Stream.empty)))
    )
  )

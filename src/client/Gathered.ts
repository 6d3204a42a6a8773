/**
 * A body in one piece, for transports that cannot take it as it is read.
 */
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Pull from "../store/Pull.js"
import type { Body } from "./TusTransport.js"
import type { SourceError } from "./UploadSource.js"

/** What such a transport should be given at most, in bytes. */
export const limit = 8 * 1024 * 1024

export const gather = ({ length, open }: Body): Effect.Effect<Uint8Array<ArrayBuffer>, SourceError> =>
  Effect.suspend(() => {
    const gathered = new Uint8Array(length)
    let end = 0
    const put = (batch: Chunk.Chunk<Uint8Array>) =>
      Effect.sync(() =>
        Chunk.forEach(batch, (bytes) => {
          gathered.set(bytes, end)
          end += bytes.length
        })
      )
    return Pull.use(open, (pull) => Pull.forEachBatch(pull, put)).pipe(
      Effect.filterOrDieMessage(() => end === length, `a body of ${length} bytes has another number of them`),
      Effect.as(gathered)
    )
  })

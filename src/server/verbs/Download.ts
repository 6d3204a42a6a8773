/**
 * GET: sends the bytes of a completed upload, or a range of them.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as Download from "../../protocol/Download.js"
import type { UploadId } from "../../protocol/Upload.js"
import { UploadStore } from "../../store/UploadStore.js"
import type { CommandOf, Dependencies, Verb } from "./Verb.js"

export const make = Effect.fnUntraced(function*({ hooks }: Dependencies) {
  const store = yield* UploadStore

  /**
   * Reads the first bytes before the answer begins, so that a store that cannot read is an HTTP error. Then no file
   * stays open while the client is slow.
   */
  const begun = (id: UploadId, { end, start }: Download.Slice) =>
    Effect.map(
      Stream.runHead(store.read(id, { start, end })),
      Option.match({
        onNone: () => Stream.empty,
        onSome: (first) => {
          const next = start + first.length
          return next < end
            ? Stream.concat(Stream.make(first), store.read(id, { start: next, end }))
            : Stream.make(first)
        }
      })
    )

  const verb: Verb<CommandOf<"Download">> = ({ id, request: wanted }, { request }) =>
    Effect.gen(function*() {
      const { upload } = yield* store.get(id)
      yield* hooks.admit("Download", upload, request.url, request)
      const reply = yield* Download.decide(upload, wanted, yield* DateTime.now)
      return Option.isNone(reply.slice) ? { reply } : { reply, content: yield* begun(id, reply.slice.value) }
    })
  return verb
})

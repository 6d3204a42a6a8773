/**
 * The byte store of one process, over the bytes that all share.
 */
import type { ByteStore } from "effect-tus"
import { Pull, type Upload, UploadStoreError } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { epoch, type Process } from "../Kernel.js"
import type { World } from "../World.js"
import { call, Unanswered } from "./Calls.js"
import type { SharedBytes, Writer } from "./SharedBytes.js"

type Id = Upload.UploadId

export const make = (world: World, process: Process, shared: SharedBytes): ByteStore.ByteStore["Type"] => {
  let count = 0
  const writer = (fence: number): Writer => ({ fence, nth: ++count })

  const calling = <A, E>(reason: "Read" | "Write", operation: string, act: () => Exit.Exit<A, E>) =>
    Effect.catchIf(
      call(world, process, operation, act),
      (error): error is Unanswered => error instanceof Unanswered,
      (cause) => new UploadStoreError.UploadStoreError({ reason, operation, cause })
    )

  const read = <A>(operation: string, act: () => A) => calling("Read", operation, () => Exit.succeed(act()))

  /** Can be repeated: it is done again where nothing was heard. */
  const write = <A, E>(operation: string, act: () => Exit.Exit<A, E>) =>
    Effect.retry(calling("Write", operation, act), {
      times: 2,
      while: (error) => error instanceof UploadStoreError.UploadStoreError && error.cause instanceof Unanswered
    })

  const append: ByteStore.ByteStore["Type"]["append"] = (id, { at, fence }, pull, onWritten) =>
    Effect.suspend(() => {
      const by = writer(fence)
      let end = at
      const put = (batch: Chunk.Chunk<Uint8Array>) => {
        const piece = Buffer.concat(Chunk.toReadonlyArray(batch))
        const from = end
        return piece.length === 0 ? Effect.void : write(
          `write ${piece.length} bytes of ${id} at ${from} under ${fence}`,
          () => shared.record(id, from, piece, by)
        ).pipe(
          Effect.uninterruptible,
          Effect.zipRight(Effect.suspend(() => {
            end = from + piece.length
            return onWritten(end)
          }))
        )
      }
      return Effect.uninterruptible(
        calling("Write", `begin ${id} at ${at} under ${fence}`, () => shared.begin(id, at, by))
      )
        .pipe(Effect.zipRight(Pull.forEachBatch(pull, put)), Effect.map(() => end))
    })

  const look = (id: Id) =>
    read(`look at ${id}`, () => {
      const found = shared.find(id)
      return Option.map(Option.fromNullable(found?.bytes), ({ length: size }) => ({
        size,
        writtenAt: DateTime.unsafeMake(epoch + (found?.writtenAt ?? 0))
      }))
    })

  return {
    isShared: true,
    append,
    truncate: (id, { at, fence }) => {
      const by = writer(fence)
      return write(`cut ${id} to ${at} under ${fence}`, () => shared.truncate(id, at, by))
    },
    concat: (id, parts, fence) => {
      const by = writer(fence)
      return write(`join ${id} under ${fence}`, () => shared.concat(id, parts, by))
    },
    ...(world.story.shared?.seals === true
      ? {
        reads: "sealed" as const,
        seal: (id: Id, { fence, length }: { readonly length: number; readonly fence: number }) => {
          const by = writer(fence)
          return write(`seal ${id} under ${fence}`, () => shared.seal(id, length, by))
        }
      }
      : {}),
    read: (id, { end, start }) =>
      Stream.fromEffect(
        calling("Read", `read ${id} to ${end}`, () => {
          const bytes = shared.readable(id)
          return bytes === undefined || bytes.length < end
            ? Exit.fail(new UploadStoreError.UploadStoreError({ reason: "Corrupt", operation: `read ${id} to ${end}` }))
            : Exit.succeed(Uint8Array.from(bytes.subarray(start, end)))
        })
      ),
    condemn: (id) => write(`mark ${id} as unwanted`, () => Exit.succeed(shared.mark(id, true))),
    spare: (id) => write(`take the mark from ${id}`, () => Exit.succeed(shared.mark(id, false))),
    remove: (id, fence) => {
      const by = writer(fence)
      return write(`remove ${id} under ${fence}`, () => shared.remove(id, by))
    },
    size: (id) => Effect.map(look(id), Option.map(({ size }) => size)),
    list: Stream.unwrap(Effect.map(
      read("list", () => shared.ids),
      (ids) =>
        Stream.fromIterable(
          ids.map((id) => ({ id, isCondemned: shared.find(id)?.isCondemned === true, look: look(id) }))
        )
    )),
    orphans: {
      setAside: (id, since) =>
        Effect.flatMap(look(id), (found) =>
          Effect.map(
            write(`set ${id} aside`, () => Exit.succeed(shared.setAside(id, DateTime.toEpochMillis(since)))),
            (name) =>
              Option.flatMapNullable(found, (look) =>
                name === undefined
                  ? undefined
                  : { id, name, since, isIntact: true, location: Option.none<string>(), ...look })
          )),
      list: Stream.empty,
      putBack: () => Effect.succeed(false),
      remove: () => Effect.void
    }
  }
}

/**
 * Bugs in the path of bytes to the disk.
 */
import { type ByteStore, Pull, type Upload } from "effect-tus"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as FiberRef from "effect/FiberRef"
import * as Option from "effect/Option"
import { believing, has, later, type Mutants } from "./Mutants.js"
import { origin } from "./Network.js"

export const bytes: Mutants = {
  "acknowledges bytes before they are written": {
    store: (store) => ({
      ...store,
      write: (entry, pull, onWritten) =>
        Effect.gen(function*() {
          const chunks: Array<Uint8Array> = []
          yield* Pull.forEachBatch(pull, (batch) =>
            Effect.sync(() => {
              Chunk.forEach(batch, (chunk) => chunks.push(chunk.slice()))
            }))
          const end = chunks.reduce((sum, { length }) => sum + length, Number(entry.upload.offset))
          const again = Effect.suspend(() => {
            const chunk = chunks.shift()
            return chunk === undefined ? Effect.fail(Option.none()) : Effect.succeed(Chunk.of(chunk))
          })
          yield* later(store.write(entry, again, () => Effect.void))
          yield* onWritten(end)
          return { end }
        })
    })
  },

  "counts bytes before they are written": {
    store: (store) => ({
      ...store,
      write: (entry, pull, onWritten) => {
        let end: number = entry.upload.offset
        return store.write(
          entry,
          Effect.tap(pull, (batch) =>
            Effect.suspend(() => {
              end += Chunk.reduce(batch, 0, (sum, { length }) => sum + length)
              return Effect.orDie(onWritten(end)) as Effect.Effect<void>
            })),
          () => Effect.void
        )
      }
    })
  },

  "takes the offset from Content-Length": {
    store: (store) => ({
      ...store,
      write: (entry, bytes, onWritten) =>
        Effect.gen(function*() {
          const { end } = yield* store.write(entry, bytes, onWritten)
          const exchange = yield* FiberRef.get(origin)
          const claimed = entry.upload.offset + Number(exchange?.headers["content-length"] ?? 0)
          if (claimed > end) {
            yield* onWritten(claimed)
          }
          return { end: Math.max(claimed, end) }
        })
    })
  },

  "takes a write for whole that was not": {
    where: has("short write", "torn write error"),
    written: (_, whole) => whole
  },

  "does not cut off what lies behind the offset": {
    where: has("write error", "torn write error", "crash", "spoilt body", "sync error"),
    skips: (syscall) => syscall.startsWith("truncate")
  },

  "writes a body that is there whole where the file ended before it was cut off": {
    where: has("write error", "torn write error", "crash", "spoilt body", "sync error"),
    bytes: (bytes) => ({
      ...bytes,
      append: (id, place, pull, onWritten) =>
        Effect.flatMap(bytes.size(id), (size) => {
          const hole = Option.getOrElse(size, () => 0) - place.at
          return !Pull.isWhole(pull) || hole <= 0 ? bytes.append(id, place, pull, onWritten) : Effect.map(
            bytes.append(
              id,
              place,
              Pull.whole(Chunk.prepend(pull.bytes, new Uint8Array(hole))),
              (end) => onWritten(end - hole)
            ),
            (end) => end - hole
          )
        })
    })
  },

  "throws away what a broken connection has brought": {
    where: has("cut body", "reset"),
    store: (store) => ({
      ...store,
      commit: (entry, next, tail) =>
        Effect.flatMap(
          FiberRef.get(origin),
          (exchange) =>
            exchange !== undefined && entry.upload.isOpen && next.isOpen && !exchange.body.isWhole
              ? Effect.succeed(entry)
              : store.commit(entry, next, tail)
        )
    })
  },

  "commits nothing before the body has ended": {
    store: (store) => ({
      ...store,
      write: (entry, bytes, onWritten) => {
        let last: number = entry.upload.offset
        return Effect.tap(
          store.write(entry, bytes, (end) =>
            Effect.sync(() => {
              last = end
            })),
          () => onWritten(last)
        )
      }
    })
  },

  "leaves out the sync of the bytes": {
    skips: (syscall) => syscall === "fdatasync"
  },

  "leaves out the sync of the directory": {
    where: ({ syncsDirectories }) => syncsDirectories,
    skips: (syscall) => syscall === "fsync"
  },

  "commits before the sync is done": {
    bytes: (bytes) => ({ ...bytes, sync: (id) => later(syncOf(bytes, id)) })
  },

  "notes in the background a sync that is not done": {
    where: ({ durability, likely, troubles }) =>
      durability === "completion" && likely.has("power cut") && troubles.length > 0,
    bytes: (bytes, { database }) => ({
      ...bytes,
      sync: (id) =>
        Effect.flatMap(
          FiberRef.get(origin),
          (exchange) =>
            exchange === undefined && database.states.get(id)?.upload.isFinal === false
              ? later(syncOf(bytes, id))
              : syncOf(bytes, id)
        )
    })
  },

  "tries once more where a sync has failed": {
    where: ({ durability, troubles }) => durability !== "process" && troubles.length > 20,
    given: () => ({ likely: new Set(["sync error"]) }),
    bytes: (bytes) => ({ ...bytes, sync: (id) => Effect.orElse(syncOf(bytes, id), () => syncOf(bytes, id)) })
  },

  "ignores the checksum": {
    where: has("spoilt body"),
    install: believing
  },

  "keeps bytes whose checksum does not match": {
    where: has("spoilt body", "cut body", "reset"),
    store: (store) => ({
      ...store,
      discard: (entry) =>
        Effect.flatMap(FiberRef.get(origin), (exchange) =>
          Option.isNone(entry.upload.length) || exchange === undefined
            ? store.discard(entry)
            : Effect.orDie(
              Effect.asVoid(
                store.commit(
                  entry,
                  entry.upload.grow(
                    Math.min(exchange.body.pulled, entry.upload.length.value - entry.upload.offset - 1),
                    entry.upload.length,
                    entry.upload.expiresAt
                  )
                )
              )
            ))
    })
  },

  "joins the parts in another order": {
    bytes: (bytes) => ({ ...bytes, concat: (id, parts, fence) => bytes.concat(id, parts.toReversed(), fence) })
  },

  "leaves the bytes of what is removed": {
    bytes: (bytes) => ({ ...bytes, remove: () => Effect.void })
  },

  "removes the bytes before the state": {
    store: (store) => ({
      ...store,
      remove: (entry) =>
        Effect.zipRight(
          store.concat(entry, []),
          store.remove(entry)
        )
    })
  }
}

const syncOf = ({ sync }: ByteStore.ByteStore["Type"], id: Upload.UploadId) => sync?.(id) ?? Effect.void

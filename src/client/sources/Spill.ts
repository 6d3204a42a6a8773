/**
 * Bytes of a stream in a temporary file: those that memory has no room for.
 */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SourceError } from "./UploadSource.js"

/** Bytes at positions. */
export interface Spill {
  readonly write: (position: number, bytes: Uint8Array) => Effect.Effect<void, SourceError>
  /** Fills some of the buffer and returns that. */
  readonly read: (position: number, buffer: Uint8Array) => Effect.Effect<Uint8Array, SourceError>
  readonly clear: Effect.Effect<void>
}

/** A temporary file in `directory`, by default in that of the system. It is removed with the scope. */
export const open = (
  source: string,
  directory?: string | undefined
): Effect.Effect<Spill, SourceError, FileSystem.FileSystem | Scope.Scope> =>
  Effect.gen(function*() {
    const fs = yield* FileSystem.FileSystem
    const path = yield* fs.makeTempFileScoped({
      prefix: "effect-tus-",
      ...(directory === undefined ? {} : { directory })
    })
    const file = yield* fs.open(path, { flag: "r+" })
    // There is one caller at a time, so nothing moves between a seek and what it is for. Calls are uninterruptible: one
    // that outlived its fiber could find its descriptor closed, and given to another file.
    return {
      write: (position, bytes) =>
        Effect.zipRight(file.seek(position, "start"), file.writeAll(bytes)).pipe(
          Effect.uninterruptible,
          Effect.mapError(notKept(source))
        ),
      read: (position, buffer) =>
        Effect.zipRight(file.seek(position, "start"), file.read(buffer)).pipe(
          Effect.uninterruptible,
          Effect.mapError(notKept(source)),
          Effect.filterOrFail((count) => count > 0, () => notKept(source)(new Error(`${path} is too short`))),
          Effect.map((count) => buffer.subarray(0, Number(count)))
        ),
      clear: Effect.ignore(Effect.uninterruptible(file.truncate(0)))
    } satisfies Spill
  }).pipe(Effect.mapError(notKept(source)))

/** Blocks of `blockBytes` in a spill, which is opened by the first one. A block takes a place that is free again. */
export interface Blocks {
  readonly write: (block: Uint8Array) => Effect.Effect<Place, SourceError>
  readonly free: (place: Place) => void
  /** Truncates the spill if every place in it is free. */
  readonly clearIfUnused: Effect.Effect<void>
}

/** Where a block lies. */
export interface Place {
  readonly spill: Spill
  readonly position: number
}

export const blocks = (open: Effect.Effect<Spill, SourceError>, blockBytes: number): Blocks => {
  let spill: Spill | undefined
  let places = 0
  let free: Array<number> = []
  return {
    write: Effect.fnUntraced(function*(block) {
      spill ??= yield* open
      const position = free.pop() ?? blockBytes * places++
      yield* spill.write(position, block)
      return { spill, position }
    }),
    free: ({ position }) => {
      free.push(position)
    },
    clearIfUnused: Effect.suspend(() => {
      if (spill === undefined || places === 0 || free.length < places) {
        return Effect.void
      }
      places = 0
      free = []
      return spill.clear
    })
  }
}

const notKept = (source: string) => (cause: { readonly message: string }): SourceError =>
  new SourceError({
    reason: "Unreadable",
    source,
    detail: `its bytes cannot be kept in a temporary file: ${cause.message}`,
    cause
  })

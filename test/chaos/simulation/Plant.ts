/**
 * Where a test may put something else in the place of a part of the server.
 */
import type { ByteStore, Refusal, Upload, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { restore } from "../../../src/cli/commands/OrphanActions.js"
import type { World } from "./World.js"

type Alter<A> = (self: A, world: World) => A

export interface Plant {
  /** The states where they lie, below what records them. */
  readonly database?: Alter<UploadRegistry.UploadRegistry["Type"]>
  readonly registry?: Alter<UploadRegistry.UploadRegistry["Type"]>
  readonly bytes?: Alter<ByteStore.ByteStore["Type"]>
  readonly store?: Alter<UploadStore.UploadStore["Type"]>
  readonly lock?: Alter<UploadLock.UploadLock["Type"]>
  readonly hook?: Alter<Hook>
  /** What the server takes for the name of this boot. */
  readonly boot?: (nth: number) => string
  /** Calls of the system that are left out. */
  readonly skips?: (syscall: string) => boolean
  /** How many bytes a write is taken to have written. */
  readonly written?: (count: number, whole: number) => number
  /** It takes over the bytes of another database without being told to. */
  readonly adopts?: boolean
  /** How what was set aside is put back. */
  readonly restore?: Alter<typeof restore>
  /** What is changed outside the world; returns what takes it back. */
  readonly install?: () => () => void
}

export type Hook = (upload: Upload.Upload) => Effect.Effect<void, Refusal.UploadRejected>

export const alter = <I, A, E, R>(
  tag: Context.Tag<I, A>,
  layer: Layer.Layer<I, E, R>,
  change: Alter<A> | undefined,
  world: World
): Layer.Layer<I, E, R> =>
  change === undefined ?
    layer :
    Layer.map(layer, (context) => Context.add(context, tag, change(Context.get(context, tag), world)))

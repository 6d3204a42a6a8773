/**
 * The places at which a test may replace a part of the server.
 */
import type { ByteStore, Refusal, Upload, UploadLock, UploadRegistry, UploadStore } from "effect-tus"
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { restore } from "../../../src/cli/commands/OrphanActions.js"
import type { Process } from "./Kernel.js"
import type { Kind } from "./sharing/SharedBytes.js"
import type { Story } from "./Story.js"
import type { World } from "./World.js"

type Alter<A> = (self: A, world: World) => A

export interface Plant {
  /** The stored states, below the log. */
  readonly database?: Alter<UploadRegistry.UploadRegistry["Type"]>
  readonly registry?: Alter<UploadRegistry.UploadRegistry["Type"]>
  readonly bytes?: Alter<ByteStore.ByteStore["Type"]>
  readonly store?: Alter<UploadStore.UploadStore["Type"]>
  readonly lock?: Alter<UploadLock.UploadLock["Type"]>
  readonly hook?: Alter<Hook>
  /** Where small bodies go, instead of where the story wants them. */
  readonly smallUploads?: Story["smallUploads"]
  /** How many tails may wait, instead of as many as the story says. */
  readonly waitingTails?: number
  /** The name of this boot for the server. */
  readonly boot?: (nth: number) => string
  /** System calls that are skipped. */
  readonly skips?: (syscall: string) => boolean
  /** How many bytes a write reports. */
  readonly written?: (count: number, whole: number) => number
  /** The server adopts the bytes of another database without being told to. */
  readonly adopts?: boolean
  /** Calls for which a shared byte store looks at no fence. */
  readonly ignoresFence?: (kind: Kind) => boolean
  /** The lock of a process knows only that process. */
  readonly locksAlone?: boolean
  /** When the lease of a process runs out, in milliseconds of the database's clock. */
  readonly leaseUntil?: (process: Process) => number
  /** Whether a process looks again before it says that another writer was faster. */
  readonly looksAgain?: boolean
  /** Whether a process tries a creation again whose result it does not know. */
  readonly createsAgain?: boolean
  /** How orphans are restored. */
  readonly restore?: Alter<typeof restore>
  /** A change outside the world; returns a function that undoes it. */
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

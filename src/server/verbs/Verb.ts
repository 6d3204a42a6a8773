/**
 * What all verbs of the server have in common: each is made from the same dependencies, and performs its command.
 */
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { Command } from "../../protocol/Command.js"
import type { Policy } from "../../protocol/Policy.js"
import type { Refusal } from "../../protocol/Refusal.js"
import type { Answer } from "../../protocol/Reply.js"
import type { Superseded, UploadStoreError } from "../../store/UploadStoreError.js"
import * as Known from "../../time/Known.js"
import type { Exchange } from "../body/Exchange.js"
import type { Tracing } from "../hooks/TusTracing.js"
import type { CompleteUpload } from "./CompleteUpload.js"
import type { HookRunner } from "./HookRunner.js"
import type { ReceiveBody } from "./ReceiveBody.js"
import type { RunningBodies } from "./RunningBodies.js"

/** The answer to a command. The answer to a download has bytes. */
export interface Performed extends Answer {
  /** The bytes of a download. The first ones have been read; if the store fails later, the stream ends early. */
  readonly content?: Stream.Stream<Uint8Array, UploadStoreError> | undefined
}

/**
 * Performs a command under the policy that holds for its exchange. What is known at once is an `Exit`: then nothing has
 * to run. Until its Effect runs a verb changes nothing.
 */
export type Verb<C extends Command> = (
  command: C,
  exchange: Exchange,
  policy: Policy
) => Effect.Effect<Performed, Refusal | Superseded | UploadStoreError>

/** What verbs are made from, besides the services. */
export interface Dependencies {
  readonly hooks: HookRunner
  readonly completion: CompleteUpload
  readonly receive: ReceiveBody
  readonly running: RunningBodies
}

/** Runs a verb for an existing upload in the span of its request. A creation has no id before it is decided. */
export const spanned = <C extends Exclude<Command, { readonly _tag: "Create" | "Discover" }>>(
  { traced }: Tracing,
  verb: Verb<C>
): Verb<C> =>
(command, exchange, policy) =>
  traced(command._tag, command.id, exchange.request, Known.suspend(() => verb(command, exchange, policy)))

/** The command of a verb, by its tag. */
export type CommandOf<Tag extends Command["_tag"]> = Extract<Command, { readonly _tag: Tag }>

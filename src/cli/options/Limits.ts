/**
 * The limits of `effect-tus serve`, one option each.
 */
import * as Options from "@effect/cli/Options"
import * as Option from "effect/Option"
import * as Record from "effect/Record"
import type * as NodeTusServer from "../../node/NodeTusServer.js"
import type * as UploadLimits from "../../server/hooks/UploadLimits.js"
import * as Flags from "./Flags.js"

type Given<A> = { readonly [K in keyof A]-?: NonNullable<A[K]> }

type Limits = Given<UploadLimits.Options>

type Bounds = Given<
  Pick<
    NodeTusServer.Options,
    "bufferLimit" | "headersTimeout" | "idleTimeout" | "maxMetadataSize" | "maxSize" | "shutdownTimeout"
  >
>

type OptionsOf<A> = { readonly [K in keyof A]: Options.Options<Option.Option<A[K]>> }

const described = <A>(option: Options.Options<A>, text: string) =>
  Options.withDescription(Options.optional(option), text)

/** For all uploads together: the command has no owners. */
const limits: OptionsOf<Limits> = {
  bytesPerOwner: described(
    Flags.size("max-total"),
    "The most that all uploads may have together. No limit by default."
  ),
  unfinishedPerOwner: described(
    Flags.whole("max-unfinished", 0),
    "How many uploads may be unfinished at a time. No limit by default."
  ),
  minFreeBytes: described(Flags.size("min-free"), "How much of the disk no upload takes. Nothing by default."),
  concurrentWrites: described(
    Flags.whole("max-concurrent-writes", 1),
    "How many requests may bring bytes at the same time; one more is told to come back. No limit by default."
  ),
  bytesPerSecond: described(
    Flags.size("max-rate"),
    "How much all uploads together bring in a second. No limit by default."
  )
}

const bounds: OptionsOf<Bounds> = {
  maxSize: described(Flags.size("max-size"), "The most that one upload may have. No limit by default."),
  maxMetadataSize: described(
    Flags.whole("max-metadata-size", 0),
    "How many characters Upload-Metadata may have: 8192 by default."
  ),
  bufferLimit: described(
    Flags.size("buffer-limit"),
    "How much of all bodies together waits in memory: 16MiB by default."
  ),
  headersTimeout: described(
    Flags.duration("headers-timeout"),
    "How long the head of a request may take to arrive: 60s by default."
  ),
  idleTimeout: described(
    Flags.duration("idle-timeout"),
    "How long a body may bring nothing before its request ends; what has arrived is kept. 30s by default."
  ),
  shutdownTimeout: described(
    Flags.duration("shutdown-timeout"),
    "How long a server that stops waits for what is under way: 10s by default."
  )
}

/** Leaves out missing limits: with any limit, the server sums up all uploads at its start. */
const given = <A>(values: { readonly [K in keyof A]: Option.Option<A[K]> }): Partial<A> =>
  Record.getSomes(values as Readonly<Record<string, Option.Option<unknown>>>) as Partial<A>

/** The limits, in the shape of the server's options. */
export const options: Options.Options<Partial<Bounds> & Pick<NodeTusServer.Options, "limits">> = Options.map(
  Options.all([Options.all(bounds), Options.all(limits)]),
  ([bounds, limits]) => ({
    ...given<Bounds>(bounds),
    ...(Object.values(limits).some(Option.isSome) ? { limits: given<Limits>(limits) } : {})
  })
)

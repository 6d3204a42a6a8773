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
    "The most bytes of all uploads together. No limit by default."
  ),
  unfinishedPerOwner: described(
    Flags.whole("max-unfinished", 0),
    "How many uploads may be unfinished at a time. No limit by default."
  ),
  minFreeBytes: described(Flags.size("min-free"), "How much disk space uploads leave free. None by default."),
  concurrentWrites: described(
    Flags.whole("max-concurrent-writes", 1),
    "How many requests may send bytes at the same time; others are told to retry. No limit by default."
  ),
  bytesPerSecond: described(
    Flags.size("max-rate"),
    "How many bytes all uploads together may send per second. No limit by default."
  )
}

const bounds: OptionsOf<Bounds> = {
  maxSize: described(Flags.size("max-size"), "The most bytes of one upload. No limit by default."),
  maxMetadataSize: described(
    Flags.whole("max-metadata-size", 0),
    "How many characters Upload-Metadata may have: 8192 by default."
  ),
  bufferLimit: described(
    Flags.size("buffer-limit"),
    "How many bytes of all request bodies may be buffered in memory: 16MiB by default."
  ),
  headersTimeout: described(
    Flags.duration("headers-timeout"),
    "How long the headers of a request may take to arrive: 60s by default."
  ),
  idleTimeout: described(
    Flags.duration("idle-timeout"),
    "How long a body may be silent before its request is ended; its bytes are kept. 30s by default."
  ),
  shutdownTimeout: described(
    Flags.duration("shutdown-timeout"),
    "How long the server waits for running requests when it stops: 10s by default."
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

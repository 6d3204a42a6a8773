/**
 * The body of a Node request, coalesced: each pull hands over everything that has arrived since the last one, so an
 * idle trickle moves at once and a flood moves in big batches, without timers. Nothing is read before the first pull,
 * and little more than `bufferSize` ahead of the last.
 */
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberId from "effect/FiberId"
import * as Option from "effect/Option"
import type { IncomingMessage } from "node:http"
import { clearTimeout, setTimeout } from "node:timers"
import {
  type AbortReason,
  consumed,
  defaultIdleTimeout,
  empty,
  isConsumed,
  lingering,
  type Options,
  type UploadBody
} from "../../server/body/UploadBody.js"
import * as NodeRequest from "./NodeRequest.js"
import * as ReleaseBuffers from "./ReleaseBuffers.js"

/** Bytes that may wait in memory, for each upload. */
const bufferSize = 1024 * 1024

/**
 * What the bodies of a process may keep waiting in memory together. One that has nothing waiting may always read once.
 */
export interface Budget {
  readonly limit: number
  used: number
}

/** How long the sender may send nothing, in milliseconds. Node says never by zero. */
export const idleMillisOf = ({ idleTimeout = defaultIdleTimeout }: Options): number => {
  const millis = Duration.toMillis(idleTimeout)
  return Number.isFinite(millis) ? Math.max(millis, 1) : 0
}

/** A client that sends nothing for so long after the answer has stopped sending. */
const quietMillis = 250

export interface NodeBody extends UploadBody {
  /** Whether the sender still owes bytes. */
  readonly isUnread: () => boolean
  /** Throws away what still comes, for a moment. */
  readonly rest: Effect.Effect<void>
  /** Gives back the memory of what nobody has taken. */
  readonly discard: () => void
}

type Pulled = Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<AbortReason>>

/**
 * @param idleMillis - how long the sender may send nothing before the body is cut off.
 * @param begin - called before the first byte is asked for.
 */
export const make = (request: IncomingMessage, idleMillis: number, budget: Budget, begin: () => void): NodeBody =>
  !NodeRequest.hasBody(request)
    ? none
    : isConsumed(request)
    ? whole(consumed)
    : ofRequest(request, idleMillis, budget, begin)

/** Whole from the start: its answer may be there before Node has noticed the end of the request. */
const whole = (body: UploadBody): NodeBody => ({ ...body, isUnread: () => false, rest: Effect.void, discard: () => {} })

const none = whole(empty)

const ofRequest = (request: IncomingMessage, idleMillis: number, budget: Budget, begin: () => void): NodeBody => {
  let batch: Array<Uint8Array> = []
  let size = 0
  let ending: Pulled | undefined
  let waiter: ((pulled: Pulled) => void) | undefined
  let begun = false
  let stopReading = ignore
  const stopped = Deferred.unsafeMake<void>(FiberId.none)
  /** Lent until the next pull, see `UploadBody`. */
  let lent: Array<Uint8Array> = []

  const discard = () => {
    budget.used -= size
    batch = []
    size = 0
  }

  const take = (): Pulled | undefined => {
    if (size === 0) {
      return ending
    }
    const ready = Chunk.unsafeFromArray(batch)
    lent = batch
    discard()
    if (request.isPaused()) {
      request.resume()
    }
    return Effect.succeed(ready)
  }

  const wake = () => {
    const pulled = waiter === undefined ? undefined : take()
    if (pulled !== undefined) {
      waiter?.(pulled)
      waiter = undefined
    }
  }

  const end = (cut: Option.Option<AbortReason>) => {
    ending ??= Effect.fail(cut)
    wake()
  }

  const onData = (bytes: Uint8Array) => {
    batch.push(bytes)
    size += bytes.length
    budget.used += bytes.length
    if (size >= bufferSize || budget.used >= budget.limit) {
      request.pause()
    }
    wake()
  }

  // A socket that rests because the disk is slow is not idle: only a wait for the network is.
  const onTimeout = () => {
    const waiting = waiter
    request.setTimeout(idleMillis)
    NodeRequest.judge(() => {
      if (waiting !== undefined && waiting === waiter) {
        end(Option.some("Idle"))
      }
    })
  }

  const read = () => {
    if (!begun) {
      begun = true
      begin()
      stopReading = NodeRequest.listen(request, request, { data: onData })
      NodeRequest.listen(request, request, { timeout: onTimeout })
      request.setTimeout(idleMillis)
    }
  }

  // What is cut off over HTTP/2 is closed before it ends.
  NodeRequest.listen(request, request, {
    end: () => end(request.complete ? Option.none() : Option.some("Disconnected")),
    error: () => end(Option.some("Disconnected")),
    close: () => end(Option.some("Disconnected"))
  })

  return {
    pull: Effect.suspend(() => {
      read()
      ReleaseBuffers.free(lent)
      lent = []
      return take() ?? Effect.async((resume) => {
        waiter = resume
        return Effect.sync(() => {
          waiter = undefined
        })
      })
    }),
    stop: (reason) => {
      Deferred.unsafeDone(stopped, Effect.void)
      if (!request.complete) {
        stopReading()
        request.pause()
        end(Option.some(reason))
      }
    },
    stopped: Deferred.await(stopped),
    trailers: Effect.sync(() => request.trailers),
    isUnread: () => !request.complete && !request.destroyed,
    rest: Effect.async<void>((resume) => {
      stopReading()
      discard()
      const done = () => {
        clearTimeout(quiet)
        stop()
        resume(Effect.void)
      }
      const quiet = setTimeout(done, quietMillis)
      const stop = NodeRequest.listen(request, request, { data: () => quiet.refresh(), end: done, close: done })
      request.resume()
    }).pipe(Effect.timeout(lingering), Effect.ignore),
    discard
  }
}

const ignore = () => {}

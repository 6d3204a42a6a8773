/**
 * The requests in flight, of all doors of a server. At the end of the server their bodies are cut off, and the store
 * closes only when what they have received is committed.
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { UploadBody } from "./UploadBody.js"

/** A request in flight: its body, and the fiber that answers it. */
export interface Running {
  readonly body: Pick<UploadBody, "stop">
  readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
}

/** The register. Doors enter each request, from its head until its answer is sent. */
export interface InFlight {
  /** Returns what to call when the request is answered. Once the server drains, the body is cut off at once. */
  readonly enter: (request: Running) => () => void
  readonly isDraining: () => boolean
  readonly count: () => number
  /** Cuts off all bodies, also those of later requests, and returns when no request is left. */
  readonly drain: Effect.Effect<void>
  /** Interrupts all requests. What is being written is written and committed first. */
  readonly interrupt: Effect.Effect<void>
}

/** An empty register. */
export const make = (): InFlight => {
  const running = new Set<Running>()
  const listeners = new Set<() => void>()
  let draining = false

  const leave = (request: Running) => {
    running.delete(request)
    if (running.size === 0) {
      listeners.forEach((listener) => listener())
    }
  }

  const empty = Effect.async<void>((resume) => {
    const listener = () => {
      listeners.delete(listener)
      resume(Effect.void)
    }
    listeners.add(listener)
    if (running.size === 0) {
      listener()
    }
    return Effect.sync(() => listeners.delete(listener))
  })

  return {
    enter: (request) => {
      running.add(request)
      if (draining) {
        request.body.stop("Shutdown")
      }
      return () => leave(request)
    },
    isDraining: () => draining,
    count: () => running.size,
    drain: Effect.suspend(() => {
      draining = true
      running.forEach(({ body }) => body.stop("Shutdown"))
      return empty
    }),
    interrupt: Effect.suspend(() =>
      Effect.forEach(Array.from(running), ({ fiber }) => Fiber.interruptFork(fiber), { discard: true })
    )
  }
}

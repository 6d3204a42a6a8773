/**
 * One request in the network. Its two ends share nothing: what the client sends arrives at the server later, in order,
 * and possibly cut off.
 */
import type { TusTransport } from "effect-tus/client"
import * as Chunk from "effect/Chunk"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Process } from "./Kernel.js"

/** A request at the server. */
export interface Exchange {
  readonly process: Process
  readonly request: TusTransport.Request
  readonly headers: Readonly<Record<string, string>>
  readonly body: Arriving
  /** The number of store failures and clock jumps when the request arrived. */
  readonly troubles: number
  /** The number of the client. */
  readonly task: number
}

/** Whether a checksum covers the body, in a header or a trailer. */
export const isChecked = ({ request: { body, headers } }: { readonly request: TusTransport.Request }): boolean =>
  headers["upload-checksum"] !== undefined || body?.trailers !== undefined

/** The server's end of a body. It ends with its last announced byte, or when the client says so. */
export class Arriving {
  private queue: Array<Uint8Array> = []
  private ending: "open" | "ended" | "cut"
  private waiter: (() => void) | undefined
  /** Announced bytes that have not arrived yet. */
  private missing: number
  /** The number of bytes that the server has taken. */
  pulled = 0
  trailers: Readonly<Record<string, string>> = {}

  /** @param announced - the number of its bytes; `Infinity` if it is not announced. */
  constructor(announced: number) {
    this.missing = announced
    this.ending = announced === 0 ? "ended" : "open"
  }

  /** Whether everything has arrived and was taken. */
  get isWhole(): boolean {
    return this.ending === "ended" && this.queue.length === 0
  }

  push(bytes: Uint8Array): void {
    if (this.ending === "open") {
      this.queue.push(bytes)
      this.missing -= bytes.length
      this.ending = this.missing === 0 ? "ended" : "open"
      this.wake()
    }
  }

  end(trailers: Readonly<Record<string, string>>): void {
    if (this.ending === "open") {
      this.ending = "ended"
      this.trailers = trailers
      this.wake()
    }
  }

  /** The connection is lost, with all bytes that were not taken. */
  cut(): void {
    if (this.ending === "open") {
      this.ending = "cut"
      this.wake()
    }
  }

  /** Returns everything that has arrived since the last pull, like the fast door. */
  readonly pull: Effect.Effect<Chunk.Chunk<Uint8Array>, Option.Option<string>> = Effect.suspend(() => {
    if (this.queue.length > 0) {
      const ready = this.queue
      this.queue = []
      this.pulled += ready.reduce((sum, { length }) => sum + length, 0)
      return Effect.succeed(Chunk.unsafeFromArray(ready))
    }
    return this.ending === "ended"
      ? Effect.fail(Option.none())
      : this.ending === "cut"
      ? Effect.fail(Option.some("cut"))
      : Effect.zipRight(this.arrival, this.pull)
  })

  private readonly arrival = Effect.async<void>((resume) => {
    this.waiter = () => resume(Effect.void)
    return Effect.sync(() => {
      this.waiter = undefined
    })
  })

  private wake(): void {
    const { waiter } = this
    this.waiter = undefined
    waiter?.()
  }
}

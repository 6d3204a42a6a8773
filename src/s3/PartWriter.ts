/**
 * One body on its way to S3: what fills a part becomes one, and what does not becomes an object, at the end of the
 * body, from time to time, and when memory is short. One part is under way while the next one grows.
 */
import type * as Chunk from "effect/Chunk"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import { identity } from "effect/Function"
import type { UploadId } from "../protocol/Upload.js"
import type { Superseded, UploadStoreError } from "../store/UploadStoreError.js"
import type { Events } from "./Events.js"
import { GrowingPart } from "./GrowingPart.js"
import type * as Manifest from "./Manifest.js"
import type { Manifests } from "./Manifests.js"
import type { Holder, PartMemory } from "./PartMemory.js"
import { PieceWriter } from "./PieceWriter.js"
import { type S3Calls, toStoreError } from "./S3Calls.js"
import type { S3Error } from "./S3Objects.js"

export interface Dependencies {
  readonly calls: S3Calls
  readonly manifests: Manifests
  readonly memory: PartMemory
  /** In bytes. */
  readonly partSize: number
  readonly maxParts: number
  /** How long bytes of a slow body wait for others. */
  readonly tailEvery: Duration.DurationInput
}

/** Where a writer begins, and what it has found. */
export interface Begun extends Pick<Manifest.Beginning, "boundary" | "next"> {
  readonly id: UploadId
  readonly at: number
  readonly fence: number
  readonly manifest: Manifest.Manifest
}

/** What happens while a body is written. */
export type Event<E> =
  | { readonly _tag: "Pulled"; readonly exit: Exit.Exit<Chunk.Chunk<Uint8Array>, E> }
  | { readonly _tag: "Sent"; readonly exit: Exit.Exit<string, S3Error> }
  /** Bytes have waited long enough. */
  | { readonly _tag: "Due" }
  /** The memory is wanted. */
  | { readonly _tag: "Wanted" }
  /** There is memory. */
  | { readonly _tag: "Granted" }

/** The part that is under way. */
interface Flying {
  readonly piece: Omit<Manifest.PartPiece, "etag">
  readonly chapter: Manifest.Chapter
  readonly fiber: Fiber.RuntimeFiber<void>
}

type Failure = Superseded | UploadStoreError

/** Makes a wait interruptible. */
type Restore = <A>(wait: Effect.Effect<A>) => Effect.Effect<A>

/**
 * All effects are run by one fiber, uninterruptibly but for the wait for the next event. `report` runs with each offset
 * up to which all bytes are recorded.
 */
export class PartWriter<E, E2, R2> {
  private readonly opened = new Set<number>()
  private readonly holder: Holder
  private readonly put: PieceWriter
  private boundary: number
  private next: Begun["next"]
  private reported: number
  private growing: GrowingPart
  private flying: Flying | undefined
  private timer: Fiber.RuntimeFiber<void> | undefined
  private recordedAtTimer: number
  /** What has to be done once no part is under way. */
  private isDue = false
  private isWanted = false
  private readonly dependencies: Dependencies
  private readonly events: Events<Event<E>>
  private readonly report: (end: number) => Effect.Effect<void, E2, R2>
  private take: Effect.Effect<Event<E>>

  constructor(
    dependencies: Dependencies,
    begun: Begun,
    events: Events<Event<E>>,
    report: (end: number) => Effect.Effect<void, E2, R2>,
    restore: Restore
  ) {
    this.dependencies = dependencies
    this.events = events
    this.report = report
    this.take = events.take(restore)
    this.holder = dependencies.memory.holder(() => this.tell({ _tag: "Wanted" }))
    this.put = new PieceWriter(dependencies, begun)
    this.boundary = begun.boundary
    this.next = begun.next
    this.reported = this.recordedAtTimer = begun.at
    this.growing = new GrowingPart(begun.at)
  }

  /** May be called by any fiber. */
  tell(event: Event<E>): void {
    this.events.offer(event)
  }

  /** What was pulled. */
  get pulled(): Effect.Effect<Exit.Exit<Chunk.Chunk<Uint8Array>, E>, Failure | E2, R2> {
    return Effect.map(this.wait("Pulled"), ({ exit }) => exit)
  }

  /** Copies the bytes, which are lent. */
  accept(batch: Chunk.Chunk<Uint8Array>): Effect.Effect<void, Failure | E2, R2> {
    return Effect.zipRight(
      Effect.forEach(batch, (chunk) => chunk.length === 0 ? Effect.void : this.push(chunk), { discard: true }),
      Effect.suspend(() => this.startTimer())
    )
  }

  /** The body has ended: all bytes are recorded, and the offset that they reach is returned. */
  get finish(): Effect.Effect<number, Failure | E2, R2> {
    return Effect.suspend(() => {
      this.take = this.events.take(identity)
      return this.landed()
    }).pipe(
      Effect.zipRight(Effect.suspend(() => this.storeTail())),
      // Whoever comes next may go on with these chapters.
      Effect.zipRight(Effect.suspend(() => this.opened.size === 0 ? Effect.void : this.put.handOn(this.opened))),
      Effect.map(() => this.put.recorded)
    )
  }

  /** Afterwards nothing is under way, and no memory is held. */
  get close(): Effect.Effect<void> {
    return Effect.suspend(() =>
      Effect.zipRight(
        this.timer === undefined ? Effect.void : Fiber.interrupt(this.timer),
        this.flying === undefined ? Effect.void : Fiber.await(this.flying.fiber)
      )
    ).pipe(Effect.ensuring(Effect.sync(() => this.holder.close())), Effect.asVoid)
  }

  private tellOffset(): Effect.Effect<void, E2, R2> {
    const { recorded } = this.put
    const isMore = recorded > this.reported
    this.reported = recorded
    return isMore ? this.report(recorded) : Effect.void
  }

  /** Makes an object of all bytes that are not recorded. No part may be under way. */
  private storeTail(): Effect.Effect<void, Failure | E2, R2> {
    const start = Math.max(this.put.recorded, this.growing.start)
    const bytes = this.growing.from(start)
    return bytes.length === 0
      ? Effect.void
      : Effect.flatMap(this.put.object(start, bytes), () => this.tellOffset())
  }

  /** Does what has become due. */
  private catchUp(): Effect.Effect<void, Failure | E2, R2> {
    if (this.flying !== undefined || !(this.isDue || this.isWanted)) {
      return Effect.void
    }
    const wasWanted = this.isWanted
    this.isDue = this.isWanted = false
    return Effect.map(this.storeTail(), () => {
      if (wasWanted) {
        this.growing = new GrowingPart(this.growing.end)
        this.holder.drop()
      }
    })
  }

  /** The part under way has been answered. */
  private arrived(exit: Exit.Exit<string, S3Error>): Effect.Effect<void, Failure | E2, R2> {
    const sent = this.flying
    if (sent === undefined) {
      return Effect.void
    }
    this.flying = undefined
    this.holder.land()
    return Effect.matchEffect(exit, {
      onFailure: (error) =>
        Effect.zipRight(
          error.reason === "NoSuchUpload" ? this.put.lose(sent.chapter) : Effect.void,
          toStoreError("Write")(error)
        ),
      onSuccess: (etag) =>
        Effect.flatMap(
          this.put.part({ ...sent.piece, etag }),
          () => Effect.zipRight(this.tellOffset(), Effect.suspend(() => this.catchUp()))
        )
    })
  }

  private react(event: Event<E>): Effect.Effect<void, Failure | E2, R2> {
    switch (event._tag) {
      case "Sent":
        return this.arrived(event.exit)
      case "Due":
        this.timer = undefined
        // A fast body has gone on meanwhile.
        this.isDue ||= this.put.recorded === this.recordedAtTimer
        return Effect.zipRight(this.catchUp(), Effect.suspend(() => this.isDue ? Effect.void : this.startTimer()))
      case "Wanted":
        this.isWanted = true
        return this.catchUp()
      default:
        return Effect.void
    }
  }

  private startTimer(): Effect.Effect<void> {
    if (this.timer !== undefined || this.growing.end <= this.put.recorded) {
      return Effect.void
    }
    this.recordedAtTimer = this.put.recorded
    const due = Effect.sync(() => this.tell({ _tag: "Due" }))
    return Effect.map(
      Effect.fork(Effect.interruptible(Effect.zipRight(Effect.sleep(this.dependencies.tailEvery), due))),
      (fiber) => {
        this.timer = fiber
      }
    )
  }

  /** Waits for an event of this kind, and meanwhile reacts to the others. */
  private wait<T extends Event<E>["_tag"]>(
    tag: T
  ): Effect.Effect<Extract<Event<E>, { _tag: T }>, Failure | E2, R2> {
    return Effect.flatMap(this.take, (event) =>
      event._tag === tag
        ? Effect.succeed(event as Extract<Event<E>, { _tag: T }>)
        : Effect.flatMap(this.react(event), () => this.wait(tag)))
  }

  /** Waits until no part is under way. */
  private landed(): Effect.Effect<void, Failure | E2, R2> {
    return this.flying === undefined
      ? Effect.void
      : Effect.flatMap(this.take, (event) => Effect.flatMap(this.react(event), () => this.landed()))
  }

  /** Takes memory, and waits for it meanwhile. */
  private taken(bytes: number): Effect.Effect<unknown, Failure | E2, R2> {
    return Effect.suspend(() => {
      const { memory } = this.dependencies
      if (memory.take(bytes)) {
        return Effect.void
      }
      let isGranted = false
      const giveUp = memory.wait(bytes, () => {
        isGranted = true
        this.tell({ _tag: "Granted" })
      })
      return Effect.onError(
        this.wait("Granted"),
        () => Effect.sync(() => isGranted ? memory.give(bytes) : giveUp())
      )
    })
  }

  private push(chunk: Uint8Array): Effect.Effect<void, Failure | E2, R2> {
    return Effect.suspend(() => {
      const { partSize } = this.dependencies
      const { boundary, growing } = this
      const room = Math.min(boundary + partSize - growing.end, chunk.length)
      const wanted = growing.needs(room, boundary + partSize - growing.start)
      if (wanted !== undefined) {
        return Effect.flatMap(this.taken(wanted), () => {
          this.holder.hold(wanted)
          this.holder.drop(this.growing.grow(wanted))
          return this.push(chunk)
        })
      }
      growing.push(chunk.subarray(0, room))
      const rest = chunk.subarray(room)
      const sent = growing.end === boundary + partSize ? this.send() : Effect.void
      return rest.length === 0 ? sent : Effect.zipRight(sent, this.push(rest))
    })
  }

  /** The part whole: what is not in memory is read back. */
  private wholePart(): Effect.Effect<Uint8Array, Failure | E2, R2> {
    const { boundary } = this
    const { partSize } = this.dependencies
    if (this.growing.start === boundary) {
      this.holder.send()
      return Effect.succeed(this.growing.from(boundary))
    }
    return Effect.flatMap(this.taken(partSize), () => {
      this.holder.fly(partSize)
      const bytes = new Uint8Array(partSize)
      return Effect.map(this.put.readBack(boundary, this.growing.start, bytes), () => {
        bytes.set(this.growing.from(this.growing.start), this.growing.start - boundary)
        this.holder.drop()
        return bytes
      })
    })
  }

  /** The chapter of the next part, and its number. */
  private openChapter(): Effect.Effect<NonNullable<Begun["next"]>, Failure> {
    const next = this.next !== undefined && this.next.number <= this.dependencies.maxParts ? this.next : undefined
    return next !== undefined && this.opened.has(next.chapter.chapter) ? Effect.succeed(next) : Effect.map(
      next === undefined ? this.put.newChapter(this.boundary) : this.put.hold(next.chapter),
      (chapter) => {
        this.opened.add(chapter.chapter)
        return { chapter, number: next?.number ?? 1 }
      }
    )
  }

  /** Sends the part that is full. */
  private send(): Effect.Effect<void, Failure | E2, R2> {
    const { calls, partSize } = this.dependencies
    return Effect.gen(this, function*() {
      yield* this.landed()
      const bytes = yield* this.wholePart()
      const { chapter, number } = yield* this.openChapter()
      const fiber = yield* Effect.fork(Effect.map(
        Effect.exit(calls.uploadPart(chapter, number, bytes)),
        (exit) => this.tell({ _tag: "Sent", exit })
      ))
      const piece = { _tag: "Part", start: this.boundary, size: partSize, chapter: chapter.chapter, number } as const
      this.flying = { piece, chapter, fiber }
      this.next = { chapter, number: number + 1 }
      this.boundary += partSize
      this.growing = new GrowingPart(this.boundary)
    })
  }
}

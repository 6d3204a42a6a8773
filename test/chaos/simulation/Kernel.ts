/**
 * The scheduler of the world: one queue of events, and fibers that run only between them. Time advances only from event
 * to event, so days take milliseconds, and the same seed does the same.
 *
 * It has a clock and a scheduler of its own instead of `TestClock`: they belong to one process each, so that a process
 * can die between any two steps of its fibers, and its clock can be wrong. They also need no turn of the event loop.
 */
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Runtime from "effect/Runtime"
import type * as Scheduler from "effect/Scheduler"
import type { Dice } from "./Dice.js"

interface Event {
  readonly at: number
  readonly run: () => void
}

export class Kernel {
  /** Milliseconds since the start of the world. */
  now = 0
  /** The process whose code is running. */
  current: Process | undefined
  private readonly events: Array<Event> = []
  private ready: Array<{ readonly process: Process; readonly task: Scheduler.Task }> = []

  private readonly order: Dice | undefined

  /** @param order - chooses which ready fiber runs next; the first one by default. */
  constructor(order?: Dice) {
    this.order = order
  }

  /** Schedules an event after a delay; returns a function that cancels it. */
  schedule(delay: number, run: () => void): () => void {
    return this.scheduleAt(this.now + Math.max(0, delay), run)
  }

  /**
   * Events of the same time happen in the order in which they were scheduled. Use it where sums of delays would lose
   * that order.
   */
  scheduleAt(at: number, run: () => void): () => void {
    const event: Event = { at, run }
    let index = this.events.length
    while (index > 0 && (this.events[index - 1]?.at ?? 0) > event.at) {
      index--
    }
    this.events.splice(index, 0, event)
    return () => {
      const found = this.events.indexOf(event)
      if (found >= 0) {
        this.events.splice(found, 1)
      }
    }
  }

  enqueue(process: Process, task: Scheduler.Task): void {
    this.ready.push({ process, task })
  }

  within<A>(process: Process, run: () => A): A {
    const before = this.current
    this.current = process
    try {
      return run()
    } finally {
      this.current = before
    }
  }

  /** Runs fibers until all of them wait. */
  settle(): void {
    for (let budget = 1_000_000; this.ready.length > 0; budget--) {
      const index = this.order === undefined ? 0 : this.order.whole(0, this.ready.length - 1)
      const [next] = this.ready.splice(index, 1)
      if (next?.process.isSuspended === true) {
        next.process.later.push(next.task)
      } else if (next?.process.alive === true) {
        this.within(next.process, next.task)
      }
      if (budget === 0) {
        throw new Error("the fibers never come to rest")
      }
    }
  }

  get isSettled(): boolean {
    return this.ready.length === 0
  }

  /** Runs the next event; returns false if there is none. */
  advance(): boolean {
    const event = this.events.shift()
    if (event === undefined) {
      return false
    }
    this.now = Math.max(this.now, event.at)
    event.run()
    return true
  }
}

/** Called when a timer of a process fires. */
export type OnTimer = (process: Process) => void

/** The start of the world, an ordinary date. */
export const epoch = Date.UTC(2031, 4, 5, 6, 7, 8)

/** A process: once it is dead, no step of its fibers runs any more. */
export class Process implements Scheduler.Scheduler {
  alive = true
  /** Suspended; it will continue as if nothing had happened. */
  isSuspended = false
  later: Array<Scheduler.Task> = []
  /** When its clock stopped; undefined while it runs. */
  private stoppedAt: number | undefined
  /** How many milliseconds its clock has stood so far. */
  private stood = 0
  /** Timers that came due while the clock stood. */
  private overdue: Array<() => void> = []
  /** The number of system calls that it waits for. */
  waiting = 0
  /** The error of its clock in milliseconds, now and at most. Its monotonic clock is right. */
  private skew = 0
  private mostSkew = 0
  readonly clock: Clock.Clock
  readonly name: string
  readonly kernel: Kernel

  constructor(name: string, kernel: Kernel, onTimer: OnTimer = () => {}) {
    this.name = name
    this.kernel = kernel
    const millis = () => Math.floor(epoch + this.elapsed + this.skew)
    const nanos = () => BigInt(Math.floor((epoch + this.elapsed) * 1e6))
    this.clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: millis,
      unsafeCurrentTimeNanos: nanos,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanos: Effect.sync(nanos),
      sleep: (duration) =>
        Effect.async<void>((resume) => {
          const cancel = this.timer(Duration.toMillis(duration), () => {
            onTimer(this)
            resume(Effect.void)
          })
          return Effect.sync(cancel)
        })
    }
  }

  /** Milliseconds since the start of the world, without those for which its clock stood. */
  private get elapsed(): number {
    return (this.stoppedAt ?? this.kernel.now) - this.stood
  }

  get time(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  /** The latest time that its code can have seen. */
  get latestTime(): number {
    return this.time - this.skew + this.mostSkew
  }

  setClock(skew: number): void {
    this.skew = skew
    this.mostSkew = Math.max(skew, this.mostSkew)
  }

  /** A fiber of a suspended process runs no further operation. */
  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return this.isSuspended ? 0 : "currentOpCount" in fiber && Number(fiber.currentOpCount) > 2048 ? 0 : false
  }

  scheduleTask(task: Scheduler.Task): void {
    if (this.alive) {
      this.kernel.enqueue(this, task)
    }
  }

  /** Waits for a part of the world that takes time. */
  wait(millis: number, then: () => void = () => {}): Effect.Effect<void> {
    return Effect.async<void>((resume) => {
      const cancel = this.kernel.schedule(Math.min(millis, 2 ** 45), () => {
        if (this.alive) {
          then()
          resume(Effect.void)
        }
      })
      return Effect.sync(cancel)
    })
  }

  /** Like `wait`, and counts as a system call. */
  busy(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.waiting++
      return Effect.ensuring(this.wait(millis), Effect.sync(() => this.waiting--))
    })
  }

  /** Calls back after a delay on its own clock; returns a function that cancels it. */
  timer(millis: number, run: () => void): () => void {
    const delay = Math.min(millis, 2 ** 45)
    const due = this.elapsed + delay
    let isCancelled = false
    const fire = () => {
      // Whatever is left is more than an error of rounding.
      const left = due - this.elapsed
      if (left > 1e-3 && this.stoppedAt !== undefined) {
        this.overdue.push(fire)
      } else if (left > 1e-3) {
        this.kernel.schedule(left, fire)
      } else if (this.alive && !isCancelled) {
        run()
      }
    }
    const cancel = this.kernel.schedule(delay, fire)
    return () => {
      isCancelled = true
      cancel()
    }
  }

  /** Pauses it between two operations of its fibers. Whatever it has asked others to do goes on. */
  pause(clock: "stands" | "goes on"): void {
    this.isSuspended = true
    if (clock === "stands") {
      this.stoppedAt ??= this.kernel.now
    }
  }

  resume(): void {
    if (this.stoppedAt !== undefined) {
      this.stood += this.kernel.now - this.stoppedAt
      this.stoppedAt = undefined
      this.overdue.splice(0).forEach((fire) => fire())
    }
    this.isSuspended = false
    this.later.forEach((task) => this.kernel.enqueue(this, task))
    this.later = []
  }

  /**
   * Runs an effect, in the runtime of a server if one is given. Calls back with its exit, unless the process dies
   * before.
   */
  fork<A, E, R = never>(
    effect: Effect.Effect<A, E, R>,
    onExit: (exit: Exit.Exit<A, E>) => void,
    runtime: Runtime.Runtime<R> = Runtime.defaultRuntime as Runtime.Runtime<R>
  ): void {
    this.kernel.within(
      this,
      () =>
        Runtime.runFork(runtime)(Effect.withClock(effect, this.clock), { scheduler: this }).addObserver((exit) => {
          if (this.alive) {
            onExit(exit)
          }
        })
    )
  }
}

/**
 * What runs when: one queue of things to come, and fibers that run only while nothing else does. Time passes only from
 * one event to the next, so that days take milliseconds and the same seed does the same.
 *
 * A clock and a scheduler of our own in place of `TestClock`: they are told apart by process, so that one can die
 * between any two steps of its fibers, and its clock can be wrong; and they need no turn of the event loop.
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
  /** Milliseconds since the world began. */
  now = 0
  /** Whose code is running. */
  current: Process | undefined
  private readonly events: Array<Event> = []
  private ready: Array<{ readonly process: Process; readonly task: Scheduler.Task }> = []

  private readonly order: Dice | undefined

  /** @param order - chooses which of the fibers that can run does; the first one by default. */
  constructor(order?: Dice) {
    this.order = order
  }

  /** Lets something happen later; returns what keeps it from happening. */
  schedule(delay: number, run: () => void): () => void {
    return this.scheduleAt(this.now + Math.max(0, delay), run)
  }

  /**
   * What is to happen at the very same time happens in the order in which it was scheduled; sums of delays would not
   * tell.
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

  /** Runs all fibers until each waits for something. */
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

  /** Goes to the next event; false where there is none. */
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

/** What a process is told of its timers. */
export type OnTimer = (process: Process) => void

/** The world begins on a day like any other. */
const epoch = Date.UTC(2031, 4, 5, 6, 7, 8)

/** A process of an operating system: once it is dead no step of its fibers happens any more. */
export class Process implements Scheduler.Scheduler {
  alive = true
  /** It has been stopped, and will go on as if nothing had been. */
  isSuspended = false
  later: Array<Scheduler.Task> = []
  /** Calls of the system that it waits for. */
  waiting = 0
  /** How wrong its clock is, in milliseconds, and was at most. That for durations knows nothing of it. */
  private skew = 0
  private mostSkew = 0
  readonly clock: Clock.Clock
  readonly name: string
  readonly kernel: Kernel

  constructor(name: string, kernel: Kernel, onTimer: OnTimer = () => {}) {
    this.name = name
    this.kernel = kernel
    const millis = () => Math.floor(epoch + kernel.now + this.skew)
    const nanos = () => BigInt(Math.floor((epoch + kernel.now) * 1e6))
    this.clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: millis,
      unsafeCurrentTimeNanos: nanos,
      currentTimeMillis: Effect.sync(millis),
      currentTimeNanos: Effect.sync(nanos),
      sleep: (duration) => this.wait(Duration.toMillis(duration), () => onTimer(this))
    }
  }

  get time(): number {
    return this.clock.unsafeCurrentTimeMillis()
  }

  /** No code of the process can have seen a later time. */
  get latestTime(): number {
    return this.time - this.skew + this.mostSkew
  }

  setClock(skew: number): void {
    this.skew = skew
    this.mostSkew = Math.max(skew, this.mostSkew)
  }

  shouldYield(fiber: Fiber.RuntimeFiber<unknown, unknown>): number | false {
    return "currentOpCount" in fiber && Number(fiber.currentOpCount) > 2048 ? 0 : false
  }

  scheduleTask(task: Scheduler.Task): void {
    if (this.alive) {
      this.kernel.enqueue(this, task)
    }
  }

  /** Waits for a part of the world that takes its time. */
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

  /** As `wait`, in the middle of something. */
  busy(millis: number): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.waiting++
      return Effect.ensuring(this.wait(millis), Effect.sync(() => this.waiting--))
    })
  }

  resume(): void {
    this.isSuspended = false
    this.later.forEach((task) => this.kernel.enqueue(this, task))
    this.later = []
  }

  /**
   * Runs an effect, in the runtime of a server where one is given; tells how it ended, unless the process ends before.
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

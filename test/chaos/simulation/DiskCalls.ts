/**
 * The disk as processes see it: a call takes time, may fail, may do a part of its work, and may be running when its
 * process dies.
 */
import type { Dice } from "./Dice.js"
import { type Disk, failure } from "./Disk.js"
import type { Fault } from "./Faults.js"
import type { Process } from "./Kernel.js"
import type { World } from "./World.js"

/** How many bytes of a call are done before its result. */
export interface Trouble {
  readonly part: (whole: number) => number
}

export type Done<A> = (error: NodeJS.ErrnoException | null, value?: A) => void

export interface Call<A> {
  readonly kind: "disk read" | "disk write" | "disk sync" | "disk name"
  readonly syscall: string
  readonly path: string
  /** Runs when the call ends. What belongs to its start has been done before. */
  readonly perform: (trouble: Trouble) => A
  /** Runs if the call fails. */
  readonly fail?: () => void
}

interface Flight {
  readonly process: Process
  readonly call: Call<unknown>
}

const whole: Trouble = { part: (whole) => whole }

export class DiskCalls {
  private fullUntil = 0
  private readonly flights = new Set<Flight>()
  private readonly opened = new Map<Process, Set<number>>()
  readonly disk: Disk
  private readonly world: World

  constructor(disk: Disk, world: World) {
    this.disk = disk
    this.world = world
  }

  call<A>(call: Call<A>, done: Done<A>): void {
    const { kernel } = this.world
    const process = this.caller()
    const { dice, fault } = this.world.step(call.kind, () => `${call.syscall} ${call.path}`)
    if (!process.alive) {
      return
    }
    const flight: Flight = { process, call }
    this.flights.add(flight)
    process.waiting++
    kernel.schedule(fault === "slow disk" ? dice.between(500, 40_000) : dice.between(0.1, 2), () => {
      if (!process.alive) {
        return
      }
      this.flights.delete(flight)
      process.waiting--
      kernel.within(process, () => {
        try {
          done(null, this.perform(call, fault, dice))
        } catch (error) {
          done(error as NodeJS.ErrnoException)
        }
      })
    })
  }

  /** A synchronous call. */
  callSync<A>(call: Call<A>): A {
    const process = this.caller()
    const { dice, fault } = this.world.step(call.kind, () => `${call.syscall} ${call.path}`)
    if (!process.alive) {
      throw failure("EIO", call.syscall, "a process that is dead")
    }
    return this.perform(call, fault, dice)
  }

  /** The process dies between two steps: each running call is done, half done, or not done. */
  crash(process: Process, dice: Dice): void {
    for (const flight of this.flights) {
      if (flight.process === process) {
        this.flights.delete(flight)
        if (dice.chance(0.5)) {
          try {
            flight.call.perform(dice.chance(0.5) ? whole : { part: (whole) => dice.whole(0, whole) })
          } catch {
            // The process is dead, and gets no result.
          }
        }
      }
    }
    this.disk.abandon(this.opened.get(process) ?? new Set())
    this.opened.delete(process)
  }

  /** A close never fails and is no step. */
  close(fd: number, done: Done<void>): void {
    const process = this.caller()
    this.world.kernel.schedule(0.05, () => {
      if (process.alive) {
        this.disk.close(fd)
        this.opened.get(process)?.delete(fd)
        this.world.kernel.within(process, () => done(null))
      }
    })
  }

  closeSync(fd: number): void {
    const process = this.caller()
    if (process.alive) {
      this.disk.close(fd)
      this.opened.get(process)?.delete(fd)
    }
  }

  remember(fd: number): number {
    const process = this.caller()
    const fds = this.opened.get(process) ?? new Set()
    this.opened.set(process, fds.add(fd))
    return fd
  }

  written(count: number, { length }: Uint8Array): number {
    return this.world.plant.written?.(count, length) ?? count
  }

  /** Whether the file system can clone: in every other world. */
  get sharesBlocks(): boolean {
    return this.world.story.seed % 2 === 0
  }

  get full(): boolean {
    return this.world.kernel.now < this.fullUntil
  }

  private perform<A>(call: Call<A>, fault: Fault | undefined, dice: Dice): A {
    if (fault === "full disk") {
      this.fullUntil = this.world.kernel.now + dice.between(100, 60_000)
    }
    if (fault === "no space" || (this.full && (call.kind === "disk write" || call.kind === "disk name"))) {
      this.world.trouble()
      throw failure("ENOSPC", call.syscall, call.path)
    }
    if (this.world.plant.skips?.(call.syscall) === true) {
      return undefined as A
    }
    switch (fault) {
      case "torn write error":
        call.perform({ part: (whole) => dice.whole(0, whole) })
        this.world.trouble()
        throw failure("EIO", call.syscall, call.path)
      case "read error":
      case "write error":
      case "sync error":
      case "name error":
        call.fail?.()
        this.world.trouble()
        throw failure("EIO", call.syscall, call.path)
      case "short read":
      case "short write":
        return call.perform({ part: (whole) => dice.whole(Math.min(1, whole), whole) })
      default:
        return call.perform(whole)
    }
  }

  private caller(): Process {
    const process = this.world.kernel.current
    if (process === undefined) {
      throw new Error("the disk was called by nobody")
    }
    return process
  }
}

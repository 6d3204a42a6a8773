/**
 * The server processes: started, killed, and started again after a while on what was left. If there are two, it also
 * chooses which one gets a request.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Runtime from "effect/Runtime"
import * as Dice from "./Dice.js"
import { Process } from "./Kernel.js"
import * as Server from "./Server.js"
import type { World } from "./World.js"

export interface Host {
  readonly process: Process
  readonly runtime: Runtime.Runtime<Server.Services>
}

/** How long a turn of each server takes. */
const turn = 15_000

export class Servers {
  private hosts: Array<Host> = []
  private readonly processes = new Set<Process>()
  private readonly restarts: Array<() => void> = []
  private births = 0
  private starting: Process | undefined
  /** The end of the current turn. */
  private until = 0
  /** The error of the machine's clock. */
  private skew = 0
  /** The errors of single machines, on top of it. */
  private readonly skews = new Map<string, number>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  start(name: string): void {
    if (this.world.story.otherServers === "in turn" && !this.stand()) {
      return this.restart(name, 100)
    }
    const process = new Process(`${name}${++this.births}`, this.world.kernel, () => {
      if (this.world.shared?.isIdle(process) !== true) {
        this.world.step("timer", () => "a timer")
      }
    })
    process.setClock(this.skewOf(name))
    this.processes.add(process)
    this.starting = process
    const booted = Effect.flatMap(Layer.toRuntime(Server.layer(this.world, process)), (runtime) => {
      this.hosts = [{ process, runtime }, ...this.hosts]
      this.world.operator.started()
      this.starting = undefined
      return Effect.never
    })
    process.fork(Effect.scoped(booted), (exit) => {
      if (exit._tag === "Failure") {
        this.world.note(() => `${process.name} does not start: ${Cause.pretty(exit.cause)}`)
        Server.claimNoDefect(this.world, exit.cause)
        this.end(process)
        this.world.database.crash(process)
        this.world.operator.refused(exit.cause)
        this.restart(name, 1000)
      }
    })
  }

  /** Suspends all servers, if none is in the middle of a call. Returns whether it did. */
  private stand(): boolean {
    const { kernel, promises } = this.world
    const idle = promises.isQuiet && this.starting === undefined &&
      this.hosts.every(({ process }) => process.isSuspended || process.waiting === 0)
    if (idle) {
      this.hosts.forEach(({ process }) => process.isSuspended = true)
      promises.neglected()
      this.until = kernel.now + turn
    }
    return idle
  }

  /** The server for a request. Servers that take turns are suspended in between, and do not notice. */
  route(): Host | undefined {
    const { kernel, steps, story } = this.world
    if (story.otherServers === "in turn" && kernel.now > this.until && this.stand()) {
      this.hosts = [...this.hosts.slice(1), ...this.hosts.slice(0, 1)]
      this.hosts[0]?.process.resume()
    }
    if (
      story.otherServers === "in turn" && this.starting === undefined &&
      this.hosts.every(({ process }) => process.isSuspended)
    ) {
      this.hosts[0]?.process.resume()
    }
    if (story.otherServers === "sharing") {
      // A load balancer does not know who is paused.
      return this.hosts[steps % Math.max(1, this.hosts.length)]
    }
    const awake = this.hosts.filter(({ process }) => !process.isSuspended)
    return awake[(story.otherServers === "at once" ? steps : 0) % Math.max(1, awake.length)]
  }

  /** A running or starting process. */
  choose(dice: Dice.Dice): Process | undefined {
    const [first, ...others] = this.processes
    return first === undefined ? undefined : dice.pick(first, ...others)
  }

  /** The running process, if it is one of these, or any other. */
  currentOr(dice: Dice.Dice): Process | undefined {
    const { current } = this.world.kernel
    return current !== undefined && this.owns(current) ? current : this.choose(dice)
  }

  /** Kills a process. If it shares nothing with others, its machine has not failed, and its connections are reset. */
  crash(process: Process, dice: Dice.Dice): void {
    this.kill(process, dice, this.world.shared !== undefined && dice.chance(0.5))
    this.restart(machineOf(process.name), dice.between(20, 20_000))
  }

  /** Pauses a process for a while, wherever it is. */
  pause(dice: Dice.Dice): void {
    const process = this.currentOr(dice)
    if (process !== undefined && !process.isSuspended) {
      const millis = dice.chance(0.3) ? dice.between(1000, 30_000) : dice.between(30_000, 120_000)
      this.world.note(() => `${process.name} is paused for ${Math.round(millis)} ms`)
      process.pause(dice.chance(0.7) ? "stands" : "goes on")
      this.world.kernel.schedule(millis, () => {
        this.world.note(() => `${process.name} goes on`)
        process.resume()
      })
    }
  }

  get isComplete(): boolean {
    return this.hosts.length >= (this.world.story.shared?.servers ?? 1) &&
      this.hosts.every(({ process }) => !process.isSuspended)
  }

  /** Kills the server, runs `act`, and starts it again later. */
  exchange(dice: Dice.Dice, act: () => void): void {
    this.processes.forEach((process) => this.kill(process, dice, false))
    this.restarts.forEach((cancel) => cancel())
    act()
    this.restart("server", dice.between(20, 20_000))
  }

  /** Kills all processes of the machine, and loses what was not synced. */
  cutPower(dice: Dice.Dice): void {
    for (const process of this.processes) {
      this.kill(process, dice, dice.chance(0.5))
      this.restart(machineOf(process.name), dice.between(2000, 60_000))
    }
    this.world.disk.cutPower(dice)
    const revived = this.world.database.cutPower(dice)
    this.world.application.forget()
    this.world.writers.powerCut()
    this.world.promises.powerCut(revived)
    this.world.acknowledgedBytes.powerCut()
  }

  shiftClocks(millis: number): void {
    this.skew += millis
    this.processes.forEach((process) => process.setClock(this.skewOf(process.name)))
  }

  /** Sets the clock of one machine wrong, by less than a day: then the sweeper takes young bytes for old. */
  shiftClock({ name }: Process, millis: number): void {
    this.skews.set(machineOf(name), millis)
    this.shiftClocks(0)
  }

  private skewOf(name: string): number {
    const machine = machineOf(name)
    const nth = "abc".indexOf(machine.slice(-1))
    return this.skew + (this.skews.get(machine) ?? 0) + (this.world.story.shared?.skews[nth] ?? 0)
  }

  owns(process: Process): boolean {
    return this.processes.has(process)
  }

  /** Kills all servers, and starts one. */
  replaceAll(): void {
    this.births++
    this.processes.forEach((process) => this.kill(process, Dice.make(this.world.story.seed, this.world.steps), false))
    this.restarts.forEach((cancel) => cancel())
    this.start("last")
  }

  /** All servers that have started. */
  get all(): ReadonlyArray<Host> {
    return this.hosts
  }

  /** A server that has started. */
  get running(): Host | undefined {
    return this.hosts[0]
  }

  /** @param silent - whether its connections are not reset. */
  private kill(process: Process, dice: Dice.Dice, silent: boolean): void {
    const { application, database, diskCalls, network, promises, writers } = this.world
    this.end(process)
    diskCalls.crash(process, dice)
    database.crash(process)
    network.crash(process, silent)
    promises.neglected()
    writers.crashed(process)
    promises.crashed(process)
    application.excuse()
  }

  private end(process: Process): void {
    process.alive = false
    if (this.starting === process) {
      this.starting = undefined
    }
    this.processes.delete(process)
    this.hosts = this.hosts.filter((host) => host.process !== process)
  }

  private restart(name: string, delay: number): void {
    this.restarts.push(this.world.kernel.schedule(delay, () => this.start(name)))
  }
}

const machineOf = (process: string) => process.replace(/\d+$/, "")

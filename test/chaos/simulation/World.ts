/**
 * One world that plays one story, until its end or the first broken promise.
 */
import type { Upload } from "effect-tus"
import type { TusError } from "effect-tus/client"
import * as Cause from "effect/Cause"
import type * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import { AcknowledgedBytes } from "./AcknowledgedBytes.js"
import { Application } from "./Application.js"
import * as Database from "./Database.js"
import * as Dice from "./Dice.js"
import { Disk } from "./Disk.js"
import { DiskCalls } from "./DiskCalls.js"
import { choose, type Fault, type Kind, type LossFault } from "./Faults.js"
import { mount } from "./FileSystem.js"
import * as FinalChecks from "./FinalChecks.js"
import { Kernel, Process } from "./Kernel.js"
import { Network } from "./Network.js"
import { Operator } from "./Operator.js"
import { idOf } from "./Paths.js"
import type { Plant } from "./Plant.js"
import { Promises } from "./Promises.js"
import { Servers } from "./Servers.js"
import { Shared } from "./sharing/Shared.js"
import * as SharingFinalChecks from "./sharing/SharingFinalChecks.js"
import { Sources } from "./Sources.js"
import * as SqlBacking from "./SqlBacking.js"
import type { Story, Task } from "./Story.js"
import * as Workload from "./Workload.js"
import { Writers } from "./Writers.js"

export interface Broken {
  /** Its number; P0 means no defects, and no client that waits for ever. */
  readonly promise: string
  readonly why: string
}

export interface Outcome {
  readonly broken: Broken | undefined
  /** The result of each task, by name. */
  readonly ends: ReadonlyArray<string>
  readonly met: ReadonlySet<Fault | LossFault>
  readonly steps: number
  readonly damaged: number
  readonly log: ReadonlyArray<string>
}

export interface Options {
  readonly plant?: Plant | undefined
  /** An empty directory for a real database, if the story needs one. */
  readonly database?: string | undefined
  /** Whether to record events. */
  readonly tells?: boolean | undefined
}

export interface Step {
  readonly dice: Dice.Dice
  readonly fault: Fault | undefined
}

/** More steps than any story has. */
const longest = 300_000

export class World {
  readonly kernel: Kernel
  readonly disk: Disk
  readonly diskCalls: DiskCalls
  readonly database: Database.Database
  /** What several servers share, instead of a disk and a database of their own. */
  readonly shared: Shared | undefined
  readonly network: Network
  readonly servers: Servers
  readonly application: Application
  readonly sources: Sources
  readonly writers: Writers
  readonly promises: Promises
  readonly operator: Operator
  readonly acknowledgedBytes: AcknowledgedBytes
  /** The number of ids so far. */
  ids = 0
  steps = 0
  /** The number of store failures and clock jumps. */
  troubles = 0
  /** No more faults and no more unrequested work. */
  isCalm = false
  readonly met = new Set<Fault | LossFault>()
  private broken: Broken | undefined
  private readonly planned: ReadonlySet<number>
  private readonly dirty = new Set<Upload.UploadId>()
  private readonly ends: Array<string> = []
  private readonly log: Array<string> = []
  readonly story: Story
  readonly plant: Plant
  private readonly tells: boolean

  constructor(story: Story, { database, plant = {}, tells = false }: Options = {}) {
    this.story = story
    this.plant = plant
    this.tells = tells
    this.kernel = new Kernel(story.shuffled ? Dice.make(story.seed, 99) : undefined)
    this.planned = new Set(story.troubles)
    this.disk = new Disk((path) => {
      const id = idOf(path)
      if (id !== undefined && !path.endsWith(".concat")) {
        this.touch(id)
      }
    }, story.syncsDirectories)
    this.disk.now = () => this.kernel.current?.time ?? this.kernel.now
    this.diskCalls = new DiskCalls(this.disk, this)
    this.shared = story.shared === undefined ? undefined : new Shared(this, story.shared)
    this.database = this.shared?.database ?? new Database.Database(
      this,
      story.registry === "sql" && database !== undefined ? SqlBacking.make(database) : Database.memory()
    )
    this.network = new Network(this)
    this.application = new Application(this)
    this.sources = new Sources(this)
    this.writers = new Writers(this)
    this.promises = new Promises(this)
    this.operator = new Operator(this)
    this.acknowledgedBytes = new AcknowledgedBytes(this)
    this.servers = new Servers(this)
  }

  /** A step at which nothing can fail, and which does not count. */
  quietly(): Step {
    return { dice: Dice.make(this.story.seed, Math.floor(this.kernel.now), 2), fault: undefined }
  }

  /** The start of a step, which may fail. Here a process can die. */
  step(kind: Kind, what: () => string): Step {
    const nth = this.steps++
    const dice = Dice.make(this.story.seed, nth, 1)
    const fault = this.planned.has(nth) && !this.isCalm ? choose(kind, this.story.likely, dice) : undefined
    this.note(() =>
      `${nth} ${this.kernel.current?.name ?? "network"}: ${kind}: ${what()}${fault === undefined ? "" : ` !! ${fault}`}`
    )
    if (fault !== undefined) {
      this.met.add(fault)
      this.suffer(fault, dice)
    }
    return { dice, fault }
  }

  private suffer(fault: Fault, dice: Dice.Dice): void {
    switch (fault) {
      case "crash": {
        const process = this.servers.currentOr(dice)
        if (process !== undefined) {
          this.servers.crash(process, dice)
        }
        return
      }
      case "power cut":
        return this.servers.cutPower(dice)
      case "clock ahead":
      case "clock back": {
        this.troubles++
        const by = dice.pick(500, 5000, 300_000, 7_200_000, 50_000_000) * (fault === "clock ahead" ? 1 : -1)
        const process = this.shared === undefined ? undefined : this.servers.currentOr(dice)
        return process === undefined ? this.servers.shiftClocks(by) : this.servers.shiftClock(process, by)
      }
      case "pause":
        this.trouble()
        return this.servers.pause(dice)
    }
  }

  trouble(): void {
    this.troubles++
    this.application.excuse()
  }

  touch(id: Upload.UploadId): void {
    this.dirty.add(id)
  }

  claim(holds: boolean, promise: string, why: () => string): void {
    if (!holds && this.broken === undefined) {
      this.broken = { promise, why: why() }
      this.note(() => `BROKEN ${promise}: ${why()}`)
    }
  }

  note(what: () => string): void {
    if (this.tells) {
      this.log.push(`${(this.kernel.now / 1000).toFixed(3).padStart(9)} ${what()}`)
    }
  }

  async run(): Promise<Outcome> {
    mount(this.diskCalls)
    const names = this.story.shared === undefined
      ? ["server", ...(this.story.otherServers === "none" ? [] : ["twin"])]
      : ["server a", "server b", "server c"].slice(0, this.story.shared.servers)
    names.forEach((name) => this.servers.start(name))
    this.operator.begin()
    const client = new Process("client", this.kernel)
    for (const task of this.story.tasks) {
      client.fork(Workload.run(this, client, task), (exit) => this.ended(task, exit))
    }
    await this.until(() => this.ends.length === this.story.tasks.length, "all clients end")
    if (this.broken === undefined) {
      await (this.shared === undefined ? FinalChecks.run(this) : SharingFinalChecks.run(this, this.shared))
    }
    this.database.end()
    return {
      broken: this.broken,
      ends: this.ends,
      met: this.met,
      steps: this.steps,
      damaged: this.promises.damaged.size,
      log: this.log
    }
  }

  async until(done: () => boolean, what: string): Promise<void> {
    for (let events = 0; this.broken === undefined && !done(); events++) {
      await this.settle()
      this.dirty.forEach((id) => this.promises.check(id))
      this.dirty.clear()
      this.claim(events < longest && (done() || this.kernel.advance()), "P0", () => `it never happens that ${what}`)
    }
  }

  /** Runs everything that is ready; a real database needs turns of the event loop for that. */
  private async settle(): Promise<void> {
    this.kernel.settle()
    if (this.story.registry === "sql") {
      do {
        this.kernel.settle()
        await new Promise((resolve) => setImmediate(resolve))
      } while (!this.kernel.isSettled)
    }
  }

  private ended(task: Task, exit: Exit.Exit<Option.Option<Upload.UploadId>, TusError.TusError | "waiting">): void {
    if (exit._tag === "Success") {
      this.ends.push(Option.isSome(exit.value) ? "Complete" : "Terminated")
      if (Option.isSome(exit.value)) {
        this.promises.finished(task, exit.value.value)
      }
      return
    }
    const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
    this.claim(
      typeof error === "object" || (error === "waiting" && FinalChecks.mayBeIncomplete(this)),
      "P0",
      () => `task ${task.nth} ends without a reason: ${Cause.pretty(exit.cause)}`
    )
    const name = typeof error !== "object"
      ? String(error)
      : `${error._tag} ${"status" in error ? error.status : "reason" in error ? error.reason : ""}`
    this.note(() => `task ${task.nth} ends: ${Cause.pretty(exit.cause)}`)
    this.ends.push(name)
    this.claim(
      this.story.troubles.length > 0 || this.story.losses.length > 0 || this.story.otherServers !== "none" ||
        (this.story.hooks && task.verdict === "Refuse" && name.includes("422")),
      "P0",
      () => `task ${task.nth} fails where nothing went wrong: ${Cause.pretty(exit.cause)}`
    )
  }
}

/**
 * The leased lock of the simulation, over its tables.
 */
import type { UploadLock } from "effect-tus"
import { UploadRegistry, UploadStoreError } from "effect-tus"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import type * as Runtime from "effect/Runtime"
import { Kernel, Process } from "./simulation/Kernel.js"
import { type Installation, type Member, suite } from "./simulation/sharing/DistributedLockSuite.js"
import * as LeasedLock from "./simulation/sharing/LeasedLock.js"
import { type Hint, lease, LockTable } from "./simulation/sharing/LockTable.js"

interface Line {
  statements: boolean
  results: boolean
  hints: boolean
  readonly heard: Queue.Queue<Hint>
}

const failed = (operation: string) =>
  new UploadStoreError.UploadStoreError({ reason: "Write", operation, cause: new Error("the database is silent") })

const install = (): Installation => {
  const kernel = new Kernel()
  const lines = new Map<string, Line>()
  const table = new LockTable(() => kernel.now, (server, hint) => {
    const line = lines.get(server)
    kernel.schedule(1, () => line?.hints === true && line.heard.unsafeOffer(hint))
  })
  const registry = Effect.runSync(Effect.provide(UploadRegistry.UploadRegistry, UploadRegistry.layerMemory))

  const pass = async (millis: number) => {
    const end = kernel.now + millis
    kernel.scheduleAt(end, () => {})
    do {
      kernel.settle()
    } while (kernel.now < end && kernel.advance())
    kernel.settle()
  }

  const statementsOf = (process: Process, line: Line): LeasedLock.Statements => {
    const { name } = process
    const run = <A>(what: string, act: () => A) =>
      Effect.async<A, UploadStoreError.UploadStoreError>((resume) => {
        const { results, statements } = line
        kernel.schedule(1, () => {
          const result = statements ? act() : undefined
          kernel.schedule(1, () =>
            process.alive && resume(statements && results ? Effect.sync(() => result as A) : failed(what)))
        })
      })
    return {
      beat: run("beat", () => table.beat(name)),
      acquire: (id, wants) => run("acquire", () => table.acquire(name, id, wants)),
      mine: run("mine", () => table.mine(name)),
      release: (id, fence) => run("release", () => table.release(name, id, fence)),
      hints: line.heard
    }
  }

  const start = async (): Promise<Member> => {
    const process = new Process(`process ${lines.size + 1}`, kernel)
    const line: Line = { statements: true, results: true, hints: true, heard: Effect.runSync(Queue.unbounded<Hint>()) }
    lines.set(process.name, line)
    const layer = Layer.merge(
      LeasedLock.layer(Effect.succeed(statementsOf(process, line))),
      Layer.succeed(UploadRegistry.UploadRegistry, registry)
    )
    let runtime: Runtime.Runtime<UploadLock.UploadLock | UploadRegistry.UploadRegistry> | undefined
    process.fork(
      Effect.scoped(Effect.flatMap(Layer.toRuntime(layer), (built) => {
        runtime = built
        return Effect.never
      })),
      () => {}
    )
    await pass(10)
    return {
      fork: (run) => process.fork(run, () => {}, runtime),
      pause: () => process.pause("stands"),
      resume: () => process.resume(),
      kill: () => {
        process.alive = false
      },
      connect: (how) => Object.assign(line, how)
    }
  }

  return { start, pass }
}

suite("the leased lock", install, { lease, poll: LeasedLock.askEvery })

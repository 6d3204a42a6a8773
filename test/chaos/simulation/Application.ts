/**
 * The application: its completion hook, which is asked once per full upload, and its listener: P9.
 */
import { Refusal, type Upload } from "effect-tus"
import type { UploadEvents } from "effect-tus/server"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as InPlace from "./InPlace.js"
import type { Process } from "./Kernel.js"
import type { Hook } from "./Plant.js"
import type { World } from "./World.js"

type Id = Upload.UploadId
type Listener = Context.Tag.Service<typeof UploadEvents.UploadEvents>

/** How often the hook was called for an upload, and how often it may have been. */
interface Asked {
  times: number
  allowed: number
  accepted: boolean
  refused: boolean
}

export class BrokenHook extends Error {}

export class Application {
  private readonly asked = new Map<Id, Asked>()
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** The hook for a process. */
  hook(process: Process): Hook {
    const hook: Hook = (upload) =>
      Effect.suspend(() => {
        this.check(upload, process)
        const { dice, fault } = this.world.step("hook", () => `hook of ${upload.id}`)
        if (!process.alive) {
          return Effect.never
        }
        if (fault === "broken hook") {
          this.world.trouble()
          return Effect.die(new BrokenHook())
        }
        const delay = fault === "slow hook" ? dice.between(1000, 90_000) : dice.between(0, 20)
        return Effect.onInterrupt(Effect.zipRight(process.busy(delay), this.decide(upload.id)), () =>
          Effect.sync(() => this.givenUp(upload.id)))
      })
    return this.world.plant.hook?.(hook, this.world) ?? hook
  }

  /** The listener of a process. */
  listener(process: Process): Listener {
    return {
      publish: ({ _tag, upload: { id } }) =>
        Effect.sync(() => {
          // Another process may have removed it since.
          if (_tag === "Completed" && !this.world.database.states.isLost(id, process)) {
            InPlace.check(this.world, id, "its completion is told")
          }
        })
    }
  }

  private decide(id: Id) {
    return Effect.suspend(() => {
      if (this.world.sources.taskOf(id)?.verdict === "Refuse") {
        this.of(id).refused = true
        return Effect.fail(new Refusal.UploadRejected({ status: 422, reason: "it is not liked" }))
      }
      this.of(id).accepted = true
      return Effect.succeed(this.answer(id))
    })
  }

  /** What the hook adds to the answer: different each time it runs. */
  private answer(id: Id) {
    return { headers: { "x-times": String(this.of(id).times) } }
  }

  /** The hook ran into its time limit. */
  private givenUp(id: Id): void {
    const asked = this.of(id)
    asked.allowed = asked.times + 1
  }

  private check(upload: Upload.Upload, process: Process): void {
    const { id, length, offset } = upload
    const state = this.world.database.states.get(id)?.upload
    if (this.world.database.states.isLost(id, process)) {
      // A server that was paused may ask beside its successor. Its verdict is refused.
      return
    }
    const asked = this.of(id)
    asked.times++
    const claim = (holds: boolean, why: string) => this.world.promises.claim(holds, "P9", id, why)
    claim(asked.times <= asked.allowed, `the hook runs for the ${asked.times}th time, ${asked.allowed} allowed`)
    claim(
      state?.completion._tag === "Finishing" && state.offset === offset && Option.contains(length, offset),
      `the hook runs while the upload is ${state?.completion._tag ?? "gone"}`
    )
    if (this.world.story.durability !== "process") {
      this.world.promises.checkLasting(id, offset, "the hook runs before the upload would survive a power cut")
    }
    InPlace.check(this.world, id, "the hook runs")
  }

  /** After each commit: an upload is complete only if the hook accepted it. */
  committed(before: Upload.Upload, after: Upload.Upload): void {
    const from = before.completion._tag
    const to = after.completion._tag
    if (this.world.story.hooks && !after.isPartial && from !== to) {
      const { accepted, refused } = this.of(after.id)
      const isAsked = to === "Finishing" || (from === "Finishing" && (to === "Complete" ? accepted : refused))
      this.world.promises.claim(isAsked, "P9", after.id, `it becomes ${to} without a hook that said so`)
      this.world.promises.claim(
        after.completion._tag !== "Complete" || after.isFinal ||
          Option.exists(
            after.completion.answer,
            ({ headers }) => headers["x-times"] === this.answer(after.id).headers["x-times"]
          ),
        "P9",
        after.id,
        "it is complete, and nobody could be told again what the hook said"
      )
    }
  }

  /** After a failure the hook may be called once more. */
  excuse(): void {
    this.asked.forEach((asked) => {
      asked.allowed = asked.times + 1
    })
  }

  forget(): void {
    this.asked.clear()
  }

  private of(id: Id): Asked {
    const asked = this.asked.get(id) ?? { times: 0, allowed: 1, accepted: false, refused: false }
    this.asked.set(id, asked)
    return asked
  }
}

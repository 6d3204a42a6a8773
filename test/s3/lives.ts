/**
 * Stories of uploads over the byte store on S3, as a server would tell them, in processes that end or stand still at
 * any call or statement.
 */
import type { ByteStore } from "effect-tus"
import { Pull, type Upload } from "effect-tus"
import { S3ByteStore } from "effect-tus/s3"
import * as Chunk from "effect/Chunk"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schedule from "effect/Schedule"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Sqlite from "../../src/node/embedded/Sqlite.js"
import { idOf, numbered } from "../../src/testing/Fixtures.js"
import { layerListener } from "../sql/database.js"
import type { Call, Engine, Fault } from "./engine.js"

export const partSize = 16

/** What a client or the server does next. `to` is how far a body reaches; a cut one ends with a failure. */
export type Step =
  | {
    readonly _tag: "Append"
    readonly name: string
    readonly to: number
    readonly isCut: boolean
    readonly batch: number
  }
  | { readonly _tag: "Seal"; readonly name: string }
  | { readonly _tag: "Concat"; readonly name: string; readonly parts: ReadonlyArray<string> }
  | { readonly _tag: "Remove"; readonly name: string }

export interface Story {
  readonly steps: ReadonlyArray<Step>
  /** Whether the state counts each reported offset, or only that at the end of a body. */
  readonly commitsOften: boolean
}

/** The states of uploads, as the registry of a server would have them. */
export class States {
  private readonly uploads = new Map<string, { committed: number; fence: number }>()
  readonly done = new Set<Step>()
  fence = 0

  of(name: string): { committed: number; fence: number } {
    const found = this.uploads.get(name) ?? { committed: 0, fence: 0 }
    this.uploads.set(name, found)
    return found
  }

  /** Who takes the lock claims the state. */
  claim(name: string): number {
    this.fence++
    this.of(name).fence = this.fence
    return this.fence
  }

  /** Fails if a newer writer has claimed it. */
  commit(name: string, fence: number, committed: number) {
    return Effect.suspend(() => {
      const state = this.of(name)
      if (state.fence !== fence) {
        return Effect.fail("superseded" as const)
      }
      state.committed = committed
      return Effect.void
    })
  }
}

export const id = (name: string): Upload.UploadId => idOf(name)

/** All bytes of an upload: those of a final are those of its parts. */
export const sourceOf = (story: Story, name: string): Uint8Array => {
  const joined = story.steps.find((step) => step._tag === "Concat" && step.name === name)
  if (joined?._tag === "Concat") {
    return Uint8Array.from(joined.parts.flatMap((part) => [...sourceOf(story, part)]))
  }
  const length = Math.max(
    0,
    ...story.steps.flatMap((step) => step._tag === "Append" && step.name === name ? [step.to] : [])
  )
  return numbered(length, name.charCodeAt(0))
}

const append = (store: ByteStore.ByteStore["Type"], states: States, story: Story, step: Step & { _tag: "Append" }) =>
  Effect.suspend(() => {
    const { batch, isCut, name, to } = step
    const fence = states.claim(name)
    const { committed } = states.of(name)
    if (committed >= to) {
      return Effect.void
    }
    const bytes = sourceOf(story, name).slice(committed, to)
    const batches = Array.from(
      { length: Math.ceil(bytes.length / batch) },
      (_, i) => Chunk.of(bytes.slice(i * batch, (i + 1) * batch))
    )
    let nth = 0
    let reported = committed
    const pull: Pull.Pull<"cut"> = Effect.suspend(() => {
      const next = batches[nth++]
      return next !== undefined ? Effect.succeed(next) : isCut ? Pull.fail("cut" as const) : Pull.end
    })
    return store.append(id(name), { at: committed, fence }, pull, (end) => {
      reported = end
      return story.commitsOften ? states.commit(name, fence, end) : Effect.void
    }).pipe(
      Effect.asVoid,
      Effect.catchIf((error) => error === "cut", () => Effect.void),
      Effect.zipRight(Effect.suspend(() => states.commit(name, fence, reported)))
    )
  })

const take = (store: ByteStore.ByteStore["Type"], states: States, story: Story, step: Step) => {
  switch (step._tag) {
    case "Append":
      return append(store, states, story, step)
    case "Seal":
      return Effect.suspend(() =>
        store.seal?.(id(step.name), {
          length: sourceOf(story, step.name).length,
          fence: states.claim(step.name)
        }) ?? Effect.void
      )
    case "Concat":
      return Effect.suspend(() =>
        store.concat(
          id(step.name),
          step.parts.map((part) => ({ id: id(part), length: sourceOf(story, part).length })),
          states.claim(step.name)
        )
      )
    case "Remove":
      return Effect.suspend(() => store.remove(id(step.name), states.claim(step.name)))
  }
}

/** Takes the steps that have not been taken. */
const play = (store: ByteStore.ByteStore["Type"], states: States, story: Story) =>
  Effect.forEach(
    story.steps,
    (step) =>
      states.done.has(step) ? Effect.void : Effect.map(take(store, states, story, step), () => {
        states.done.add(step)
      }),
    { discard: true }
  )

/** Something that a process does to the world outside: a call, or a statement. */
export type Outside = Call | { readonly verb: "sql"; readonly text: string }

/** One process. `decide` says what happens to each thing that it does outside. */
export const live = (
  engine: Engine,
  filename: string,
  decide: (outside: Outside) => Effect.Effect<Fault | undefined>,
  options: S3ByteStore.Options = {}
) =>
  Effect.gen(function*() {
    const scope = yield* Scope.make()
    const listener = layerListener((text) =>
      Effect.flatMap(decide({ verb: "sql", text }), (fault) => fault === undefined ? Effect.void : Effect.never)
    )
    const world = Layer.provideMerge(
      listener,
      Layer.merge(engine.layer((call) => decide(call)), Sqlite.layer(filename))
    )
    const context = yield* Layer.buildWithScope(world, scope)
    const made = yield* S3ByteStore.make({
      partSize,
      memory: 1024 * 1024,
      retry: Schedule.recurs(2),
      sweepEvery: Number.POSITIVE_INFINITY,
      tailEvery: Number.POSITIVE_INFINITY,
      ...options
    }).pipe(Effect.provide(context), Scope.extend(scope))
    return {
      ...made,
      /** Also in the middle of a transaction. */
      end: Scope.close(scope, Exit.void),
      play: (states: States, story: Story) => Effect.provide(play(made.store, states, story), context)
    }
  })

export type Life = Effect.Effect.Success<ReturnType<typeof live>>

/** Plays until the story or the process ends. */
export const until = (life: Life, states: States, story: Story, died: Deferred.Deferred<void>) =>
  Effect.gen(function*() {
    const exit = yield* Deferred.make<void, unknown>()
    yield* Effect.forkDaemon(Effect.intoDeferred(life.play(states, story), exit))
    yield* Effect.raceFirst(Deferred.await(exit), Deferred.await(died))
  })

/** The bytes of each upload that was not removed must be those that were sent; nothing else may be left. */
export const remains = (engine: Engine, { store }: Life, story: Story) =>
  Effect.gen(function*() {
    const wrong: Array<string> = []
    const names = new Set(story.steps.map(({ name }) => name))
    for (const step of story.steps) {
      if (step._tag === "Remove") {
        names.delete(step.name)
      }
    }
    for (const name of names) {
      const source = sourceOf(story, name)
      const size = yield* store.size(id(name))
      const read = yield* Stream.runCollect(store.read(id(name), { start: 0, end: source.length }))
      if (Option.getOrUndefined(size) !== source.length || !Buffer.from(source).equals(Buffer.concat([...read]))) {
        wrong.push(`${name} has other bytes`)
      }
    }
    if (engine.objects.size !== names.size) {
      wrong.push(`${names.size} uploads have ${engine.objects.size} objects: ${[...engine.objects.keys()].join()}`)
    }
    return [...wrong, ...engine.unfinished.map((id) => `${id} is left`)]
  })

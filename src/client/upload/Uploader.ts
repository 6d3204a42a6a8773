/**
 * One upload as a loop: take the step that its position asks for, recover if it fails, until nothing is left to do.
 * Streams of progress and parallel uploads are made of it.
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Known from "../../time/Known.js"
import type * as NextStep from "../../wire/tus/NextStep.js"
import { TusClient } from "../requests/TusClient.js"
import type { SourceError } from "../sources/UploadSource.js"
import type { TusError } from "../transport/TusError.js"
import type { Progress } from "./Progress.js"
import * as ProgressCounter from "./ProgressCounter.js"
import * as RecoveryPlan from "./RecoveryPlan.js"
import * as Retry from "./Retry.js"
import type { WithDefaults } from "./UploadOptions.js"
import * as UploadPosition from "./UploadPosition.js"
import * as UploadSession from "./UploadSession.js"
import * as UploadSteps from "./UploadSteps.js"

export interface Uploader<R = never> {
  /**
   * Sends one chunk. Creates the upload or finds it again, asks for its offset and tries again as needed. Returns the
   * progress after the chunk. Does nothing once the upload is complete or has reached `stopAt`. It can be interrupted:
   * then the request has ended, and another call continues.
   */
  readonly next: Effect.Effect<Progress, TusError, R>
  /** Sends chunks until nothing is left to send. */
  readonly all: Effect.Effect<Progress, TusError, R>
  readonly progress: Effect.Effect<Progress>
  /** Removes the upload from the server and from the journal. */
  readonly terminate: Effect.Effect<void, TusError, R>
  /**
   * Removes a part from the journal, which keeps it until all parts are joined. Other uploads are removed when they
   * complete.
   */
  readonly forget: Effect.Effect<void>
  /** Writes the last state to the journal. Nothing is called after it. */
  readonly close: Effect.Effect<void>
}

/** Whether nothing is left for `next`. */
export const isDone = ({ event }: Progress) => event === "Complete" || event === "Stopped"

/** How long the removal of an interrupted upload may take. */
export const terminateTimeout = "5 seconds"

export const make = <R>(
  options: WithDefaults<R>,
  onProgress: (progress: Progress) => void = () => {},
  part?: UploadSession.Part
): Effect.Effect<Uploader<R>, SourceError, TusClient> => Effect.suspend(() => begin(options, onProgress, part))

const begin = Known.fn(function*<R>(
  options: WithDefaults<R>,
  onProgress: (progress: Progress) => void,
  part: UploadSession.Part | undefined
) {
  const { stopAt = UploadPosition.unlimited } = options
  const client = yield* TusClient
  const endpoint = client.endpoint(options.endpoint)
  const counter = yield* ProgressCounter.make(options.source.length, onProgress)
  const retry = yield* Retry.make(options.retry, endpoint, counter.failed)
  const session = yield* UploadSession.make(options, { counter, endpoint, part, retry })

  const attempt = Effect.suspend(() => {
    const { step, verb } = UploadSteps.next(session)
    return Effect.catchAll(Known.flatMap(retry.ready(), step), (error) => recover(session, retry, verb, error))
  })

  const next: Uploader<R>["next"] = Effect.suspend(() => {
    const { chunks } = counter.progress()
    const more: Uploader<R>["next"] = Effect.suspend(() => {
      const event = UploadPosition.ended(session.position, stopAt)
      if (Option.isSome(event)) {
        counter.publish(event.value)
        const isWhole = event.value === "Complete" && !session.isPart
        return Known.map(isWhole ? session.journaled.complete : Effect.void, counter.progress)
      }
      return counter.progress().chunks > chunks
        ? Effect.succeed(counter.progress())
        : Effect.zipRight(attempt, more)
    })
    return more
  })

  const all: Uploader<R>["all"] = Effect.flatMap(
    next,
    (progress) => (isDone(progress) ? Effect.succeed(progress) : all)
  )

  const uploader: Uploader<R> = {
    next,
    all,
    progress: Effect.sync(counter.progress),
    terminate: Effect.suspend(() => {
      const { place } = session.position
      return place._tag === "NotCreated"
        ? Effect.void
        : retry.persist("Terminate", () => client.terminate(UploadSession.call(session, place.at)))
    }).pipe(Effect.zipLeft(session.journaled.forget)),
    forget: session.journaled.complete,
    close: session.journaled.close
  }
  return uploader
})

/** An uploader that is closed with the scope. */
export const makeScoped = <R>(...args: Parameters<typeof make<R>>) =>
  Effect.tap(make(...args), ({ close }) => Effect.addFinalizer(() => close))

/** Prepares the next attempt, or fails with the error. */
const recover = Effect.fnUntraced(function*<R>(
  session: UploadSession.UploadSession,
  { attempt, pay }: Retry.Retry<R>,
  verb: NextStep.Verb,
  error: TusError
) {
  const { adjustments, inherited, options, position, tried } = session
  const facts: RecoveryPlan.Facts = {
    adjustments,
    position,
    refreshed: attempt().refresh,
    inherited: Option.isSome(inherited),
    named: options.url !== undefined,
    seekable: options.source.seekable,
    chunkSize: options.chunkSize,
    tried
  }
  const plan = RecoveryPlan.decide(facts, verb, error, yield* Retry.nextStep(verb, error))
  const isPaid = plan._tag !== "Paid" || (yield* Effect.isSuccess(pay(error, plan.delay)))
  yield* act(session, isPaid ? plan : RecoveryPlan.giveUp(facts, error), error)
})

const act = (
  session: UploadSession.UploadSession,
  plan: RecoveryPlan.RecoveryPlan,
  error: TusError
): Effect.Effect<void, TusError> => {
  switch (plan._tag) {
    case "AtOnce":
    case "Paid":
      return Effect.sync(() => apply(session, plan.change))
    case "NextUpload":
      if (plan.why === "Refused") {
        session.retry.renew()
      }
      return UploadSession.abandon(session, plan.why, error)
    case "Recreate":
      return UploadSession.recreate(session, error)
    case "Fail":
      return Effect.fail(error)
  }
}

const apply = (session: UploadSession.UploadSession, change: RecoveryPlan.Change) => {
  const { counter, endpoint, retry } = session
  switch (change._tag) {
    case "Nothing":
      return
    case "Refresh":
      return retry.refresh()
    case "Resync":
      return UploadSession.adjust(session, { resynced: true })
    case "EmptyCreation":
      endpoint.creationLimit = Math.min(endpoint.creationLimit, change.limit)
      return UploadSession.adjust(session, { emptyCreation: true })
    case "Shrink":
      endpoint.limit = change.limit
      return counter.publish("Shrunk")
  }
}

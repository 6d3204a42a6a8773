/**
 * The script of a page or worker: uploads a generated file, and reports its progress.
 */
import { BrowserTusClient } from "effect-tus/browser-client"
import { type Progress, TusUpload, type UploadOptions, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import { type Made, madeUp } from "./made.js"

export interface Asked extends Made {
  readonly endpoint: string
  readonly checksum?: UploadOptions.UploadOptions["checksum"]
  readonly stopAt?: number
  readonly url?: string
}

export interface Told extends Pick<Progress.Progress, "event" | "sent" | "acknowledged"> {
  readonly url: string | undefined
}

/** Shows the progress in `told`. */
const upload = async ({ changedAt, size, ...asked }: Asked): Promise<ReadonlyArray<Told>> => {
  told.length = 0
  await TusUpload.upload({ ...asked, source: UploadSource.fromBlob(madeUp({ changedAt, size })) }).pipe(
    Stream.runForEach(({ acknowledged, event, sent, url }) =>
      Effect.sync(() => told.push({ event, sent, acknowledged, url: Option.getOrUndefined(url) }))
    ),
    Effect.provide(BrowserTusClient.layer()),
    Effect.runPromise
  )
  return told
}

const told: Array<Told> = []

Object.assign(globalThis, { upload, told })

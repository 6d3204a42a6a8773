/**
 * What a page does: uploads a file that it makes up, and tells how far it is.
 */
import { BrowserTusClient } from "effect-tus/browser-client"
import { type Progress, TusUpload, UploadSource } from "effect-tus/client"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

/** The same bytes each time. */
const bytesOf = (size: number) => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    bytes[i] = (i * 31 + (i >> 8)) % 251
  }
  return bytes
}

export interface Asked {
  readonly endpoint: string
  readonly size: number
  readonly stopAt?: number
}

export interface Told extends Pick<Progress.Progress, "event" | "sent" | "acknowledged"> {
  readonly url: string | undefined
}

/** Looks at `told` for how far it is. */
const upload = async ({ endpoint, size, stopAt }: Asked): Promise<ReadonlyArray<Told>> => {
  told.length = 0
  const file = new File([bytesOf(size)], "made-up.bin", { lastModified: 1_700_000_000_000 })
  await TusUpload.upload({ endpoint, stopAt, source: UploadSource.fromBlob(file) }).pipe(
    Stream.runForEach(({ acknowledged, event, sent, url }) =>
      Effect.sync(() => told.push({ event, sent, acknowledged, url: Option.getOrUndefined(url) }))
    ),
    Effect.provide(BrowserTusClient.layer()),
    Effect.runPromise
  )
  return told
}

const told: Array<Told> = []

const digest = async (size: number) =>
  Array.from(
    new Uint8Array(await crypto.subtle.digest("SHA-256", bytesOf(size))),
    (byte) => byte.toString(16).padStart(2, "0")
  ).join("")

Object.assign(globalThis, { upload, told, digest })

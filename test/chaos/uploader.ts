/**
 * An upload that continues after every death of the server. Acknowledged offsets are recorded.
 */
import { assert } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exchange from "../support/exchange.js"
import { describe } from "./bounded.js"
import { bytesOf, type Content, type Entry, tell, type UsageLedger } from "./ledger.js"
import type { Lives } from "./lives.js"

export interface Creation {
  readonly step?: number
  readonly isFinal?: boolean
  readonly headers?: Readonly<Record<string, string | number>>
  /** The number of bytes to send with the POST. */
  readonly first?: number
}

/** Makes the next request of an upload at `offset`. */
export type Next = (path: string, offset: number, rest: Uint8Array) => Exchange.Request

export const make = (lives: Lives, ledger: UsageLedger) => {
  const send = (message: Exchange.Request, ...statuses: ReadonlyArray<number>) =>
    Effect.tap(
      lives.send(message),
      (answer) =>
        Effect.sync(() =>
          assert.include(statuses, answer.status, `${describe(message)} was answered ${JSON.stringify(answer)}`)
        )
    )

  /** If a POST is not answered, its upload is never known here, and another one is created. */
  const create = (content: Content, { first, headers, ...kind }: Creation = {}) =>
    Effect.eventually(Effect.suspend(() => {
      const number = Buffer.from(String(ledger.post(content))).toString("base64")
      return send(
        Exchange.post(
          { "upload-metadata": `number ${number}`, ...(headers ?? { "upload-length": content.length }) },
          first === undefined ? undefined : bytesOf(content).subarray(0, first)
        ),
        201
      )
    })).pipe(
      Effect.map(({ headers }) => {
        const entry = ledger.created(headers.location ?? assert.fail("no Location"), content, kind)
        if (headers["upload-offset"] !== undefined || content.length === 0) {
          tell(entry, Number(headers["upload-offset"] ?? 0), 0)
        }
        return entry
      })
    )

  const ask = (entry: Entry) =>
    Effect.suspend(() => {
      const { told } = entry
      return Effect.map(Effect.eventually(send(Exchange.head(entry.path), 200, 404)), ({ headers, status }) => {
        if (status === 404) {
          assert.include(["Leaving", "Gone"], entry.state, `${entry.path} is lost`)
        } else if (headers["upload-offset"] !== undefined) {
          tell(entry, Number(headers["upload-offset"]), told)
        }
      })
    })

  const append = (entry: Entry, next: Next) =>
    Effect.suspend(() => {
      const { content, path, told } = entry
      return Effect.matchEffect(send(next(path, told, bytesOf(content).subarray(told)), 204), {
        onFailure: () => ask(entry),
        onSuccess: ({ headers }) => Effect.sync(() => tell(entry, Number(headers["upload-offset"]), told))
      })
    })

  return {
    create,
    ask,
    finish: (entry: Entry, next: Next) =>
      Effect.repeat(append(entry, next), { until: () => entry.state !== "Open" })
        .pipe(Effect.when(() => entry.state === "Open")),
    terminate: (entry: Entry) =>
      Effect.suspend(() => {
        entry.state = "Leaving"
        entry.isChecked = false
        return Effect.map(Effect.eventually(send(Exchange.terminate(entry.path), 204, 404)), () => {
          entry.state = "Gone"
        })
      })
  }
}

import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as DrainTime from "../../src/client/transport/DrainTime.js"

const mebibyte = 1024 * 1024

const table: ReadonlyArray<readonly [title: string, bytes: number, millis: number, allowance: number]> = [
  ["nothing was sent", 0, 0, 0],
  ["so much was taken at once that the line is no slow one", mebibyte, 0, 0],
  ["a short body that was accepted at once gets the time that a slow line needs for it", 64 * 1024, 0, 16_000],
  ["it gets the timeout again at most", 128 * 1024, 3000, 30_000],
  ["a short body gets as long again as it took", 300 * 1024, 75_000, 75_000],
  ["a long body gets the time of the bytes that buffers may hold", 1024 * mebibyte, 1_024_000, 4000],
  ["a fast line needs hardly any time", 10_240 * mebibyte, 100_000, 40]
]

describe("behind the last byte of a body", () => {
  for (const [title, bytes, millis, allowance] of table) {
    it(title, () => {
      deepStrictEqual(DrainTime.allowance({ bytes, millis }, 30_000), allowance)
    })
  }
})

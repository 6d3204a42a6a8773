import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { AccessLog } from "effect-tus/server"
import * as Effect from "effect/Effect"
import * as HashMap from "effect/HashMap"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { create, patch, request } from "../support/memory.js"
import { server } from "./doors.js"

describe("the access log", () => {
  it.effect("has one line for each request, with the id of the upload and the outcome", () => {
    const lines: Array<Record<string, unknown>> = []
    const recorder = Logger.replace(
      Logger.defaultLogger,
      Logger.make(({ annotations, message }) => {
        lines.push({ message: String(message), ...Object.fromEntries(HashMap.toEntries(annotations)) })
      })
    )
    return Effect.gen(function*() {
      const path = yield* create({ "upload-length": "3" })
      yield* patch(`${path}?signature=secret`, 0, "abc")
      yield* request("HEAD", "/elsewhere")
      const upload = path.split("/").at(-1)
      deepStrictEqual(lines, [
        { message: "POST /files 201", method: "POST", status: 201, outcome: "Ok", millis: 0, upload },
        { message: `PATCH ${path} 204`, method: "PATCH", status: 204, outcome: "Ok", millis: 0, upload, offset: 3 },
        {
          message: "HEAD /elsewhere 404",
          method: "HEAD",
          status: 404,
          outcome: "UploadNotFound",
          millis: 0,
          upload: "elsewhere"
        }
      ])
      assert.notInclude(JSON.stringify(lines), "secret")
    }).pipe(Effect.provide(Layer.provideMerge(server(), AccessLog.layer)), Effect.provide(recorder))
  })
})

import { S3ByteStore } from "effect-tus/s3"
import { ByteStoreSuite } from "effect-tus/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { needs } from "../support/needs.js"
import { layerTemporary as postgres } from "../support/postgres.js"
import { Engine } from "./engine.js"

const kib = 1024

needs("PostgreSQL")("S3ByteStore with its manifests in PostgreSQL", () => {
  const store = Layer.unwrapEffect(
    Effect.sync(() =>
      S3ByteStore.layer({ retry: Schedule.recurs(2), partSize: 64 * kib, memory: 256 * kib }).pipe(
        Layer.provide(Layer.merge(new Engine({ smallestPart: 64 * kib }).layer(), postgres))
      )
    )
  )
  ByteStoreSuite.suite("S3 and PostgreSQL", store)
})

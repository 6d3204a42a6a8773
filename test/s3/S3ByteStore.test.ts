import { S3ByteStore } from "effect-tus/s3"
import { ByteStoreSuite } from "effect-tus/testing"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { layerTemporary } from "../sql/database.js"
import { Engine, type Rules } from "./engine.js"

const kib = 1024

const over = (rules: Rules, options: S3ByteStore.Options) =>
  Layer.unwrapEffect(Effect.sync(() =>
    S3ByteStore.layer({ retry: Schedule.recurs(2), ...options }).pipe(
      Layer.provide(Layer.merge(new Engine(rules).layer(), layerTemporary))
    )
  ))

ByteStoreSuite.suite("S3, parts of 8 MiB", over({}, {}))
ByteStoreSuite.suite("S3, small parts", over({ smallestPart: 64 * kib }, { partSize: 64 * kib, memory: 256 * kib }))

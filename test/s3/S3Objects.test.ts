import { S3Sdk } from "effect-tus/s3"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { ceph } from "../support/ceph.js"
import { needs } from "../support/needs.js"
import { suite } from "./objects.js"

const layer = Layer.unwrapEffect(Effect.gen(function*() {
  const { bucket, client } = yield* ceph
  return S3Sdk.layer({ bucket: yield* bucket, client: client() })
}))

needs("Ceph")("Ceph", () => suite("S3Objects", layer))

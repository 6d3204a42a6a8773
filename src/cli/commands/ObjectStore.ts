/**
 * The bytes of `effect-tus serve --bucket`. Loaded on demand: it needs a package that most users do not install.
 */
import * as Layer from "effect/Layer"
import * as S3ByteStore from "../../s3/S3ByteStore.js"
import * as S3Sdk from "../../s3/S3Sdk.js"
import type { Bucket } from "../options/Store.js"

export const layer = ({ prefix, ...config }: Bucket) =>
  Layer.provide(S3ByteStore.layer({ prefix }), S3Sdk.layerConfig(config))

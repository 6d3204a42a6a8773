import { RegistryCache, UploadRegistry } from "effect-tus"
import { SqlUploadRegistry } from "effect-tus/sql"
import { UploadRegistrySuite } from "effect-tus/testing"
import * as Layer from "effect/Layer"
import { layerTemporary } from "../sql/database.js"
import { needs } from "../support/needs.js"

UploadRegistrySuite.suite("UploadRegistry.layerMemory", UploadRegistry.layerMemory)

needs("SQLite")("in SQLite", () => {
  UploadRegistrySuite.suite("SqlUploadRegistry.layer", Layer.provide(SqlUploadRegistry.layer, layerTemporary))
  UploadRegistrySuite.suite(
    "RegistryCache.layer",
    RegistryCache.layer({ capacity: 3 }).pipe(Layer.provide(SqlUploadRegistry.layer), Layer.provide(layerTemporary))
  )
})

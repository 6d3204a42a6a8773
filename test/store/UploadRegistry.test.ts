import { UploadRegistry } from "effect-tus"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Layer from "effect/Layer"
import { layerTemporary } from "../sql/database.js"
import { suite } from "./UploadRegistry.suite.js"

suite("UploadRegistry.layerMemory", UploadRegistry.layerMemory)
suite("SqlUploadRegistry.layer", Layer.provide(SqlUploadRegistry.layer, layerTemporary))

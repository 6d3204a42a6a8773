import { ByteStore } from "effect-tus"
import { ByteStoreSuite } from "effect-tus/testing"
import { layerTemporary } from "../node/temporary.js"

ByteStoreSuite.suite("in memory", ByteStore.layerMemory)
ByteStoreSuite.suite("in files", layerTemporary)

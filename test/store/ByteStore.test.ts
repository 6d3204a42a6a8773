import { ByteStore } from "effect-tus"
import { layerTemporary } from "../node/temporary.js"
import { suite } from "./ByteStore.suite.js"

suite("in memory", ByteStore.layerMemory)
suite("in files", layerTemporary)

import { UploadLock } from "effect-tus"
import { suite } from "./UploadLock.suite.js"

suite("UploadLock.layerMemory", UploadLock.layerMemory)

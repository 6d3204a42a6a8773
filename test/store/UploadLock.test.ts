import { UploadLock } from "effect-tus"
import { UploadLockSuite } from "effect-tus/testing"

UploadLockSuite.suite("UploadLock.layerMemory", UploadLock.layerMemory)

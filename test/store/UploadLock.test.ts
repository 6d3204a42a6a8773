import { UploadLockSuite } from "effect-tus/testing"
import { over } from "../support/backends.js"

over("lock", UploadLockSuite.suite)

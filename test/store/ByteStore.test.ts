import { ByteStoreSuite } from "effect-tus/testing"
import { over } from "../support/backends.js"

over("bytes", ByteStoreSuite.suite)

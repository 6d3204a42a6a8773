import { UploadRegistrySuite } from "effect-tus/testing"
import { over } from "../support/backends.js"

over("registry", UploadRegistrySuite.suite)

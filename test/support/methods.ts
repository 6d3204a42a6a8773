/**
 * Files that run in one process share `it`, and `layer` of `@effect/vitest` puts methods on it. Before each file the
 * original methods are put back.
 */
import { it } from "@effect/vitest"

const shared = globalThis as { methods?: object }

shared.methods ??= { ...it }
Object.assign(it, shared.methods)

/**
 * Files that share a process share `it`, and `layer` of `@effect/vitest` puts methods of its own on it. Each file
 * begins with the methods that it had first.
 */
import { it } from "@effect/vitest"

const shared = globalThis as { methods?: object }

shared.methods ??= { ...it }
Object.assign(it, shared.methods)

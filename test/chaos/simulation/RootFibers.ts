/**
 * Effect keeps every root fiber until it ends. Fibers of a killed process never end, so a test with thousands of worlds
 * has to remove them.
 */
import type * as Fiber from "effect/Fiber"
import { globalValue } from "effect/GlobalValue"

const { roots } = globalValue(
  Symbol.for("effect/FiberScope/Global"),
  (): { readonly roots: Set<Fiber.RuntimeFiber<unknown, unknown>> } => ({ roots: new Set() })
)

/** Runs `use`, and removes all fibers that have not ended by then. */
export const forgetting = async <A>(use: () => Promise<A>): Promise<A> => {
  const before = new Set(roots)
  const result = await use()
  roots.forEach((fiber) => before.has(fiber) || roots.delete(fiber))
  return result
}

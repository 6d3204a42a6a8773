/**
 * Effect keeps every fiber that nobody has forked until it ends. Those of a process that was killed never do: whoever
 * makes worlds by the thousand has to have them forgotten.
 */
import type * as Fiber from "effect/Fiber"
import { globalValue } from "effect/GlobalValue"

const { roots } = globalValue(
  Symbol.for("effect/FiberScope/Global"),
  (): { readonly roots: Set<Fiber.RuntimeFiber<unknown, unknown>> } => ({ roots: new Set() })
)

/** Runs `use`, and forgets all fibers that have not ended by then. */
export const forgetting = async <A>(use: () => Promise<A>): Promise<A> => {
  const before = new Set(roots)
  const result = await use()
  roots.forEach((fiber) => before.has(fiber) || roots.delete(fiber))
  return result
}

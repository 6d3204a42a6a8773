import * as Effect from "effect/Effect"

/** Waits until the condition holds. */
export const eventually = (condition: () => boolean) => Effect.repeat(Effect.sleep(5), { until: condition })

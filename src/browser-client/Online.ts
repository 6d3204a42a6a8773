/**
 * Whether the browser has a network, as far as it knows. If it says online, the server may still be unreachable. If it
 * says offline, that may be wrong: some virtual network adapters and firewalls make browsers say so forever.
 *
 * @see https://html.spec.whatwg.org/multipage/system-state.html#dom-navigator-online-dev
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connectivity } from "../client/transport/Connectivity.js"

/** While the browser says offline, one attempt is made after each of these. */
const trialInterval = "10 seconds"

/** The last request was answered: there is a network, even if the browser says offline. */
let answered = false

/** Reports whether a request was answered, with any status. */
export const report = (answer: boolean): void => {
  answered = answer
}

/**
 * Uploads pause while the browser is offline, and continue when it is online again. Every ten seconds one attempt is
 * made anyway, which does not count. If it is answered, the browser is not believed until a request fails.
 */
export const layer: Layer.Layer<never> = Layer.succeed(Connectivity, {
  online: Effect.suspend(() => isOffline() ? Effect.asVoid(Effect.timeoutOption(back, trialInterval)) : Effect.void),
  isOffline: () => isOffline()
})

const isOffline = () => !navigator.onLine && !answered

const back = Effect.async<void>((resume) => Effect.sync(once("online", () => resume(Effect.void))))

/** Calls `act` at the first `event`, unless the returned function was called before. */
export const once = (event: "online" | "offline", act: () => void): () => void => {
  globalThis.addEventListener(event, act, { once: true })
  return () => globalThis.removeEventListener(event, act)
}

/**
 * What a browser knows of its network. That it is online does not mean that a server can be reached; that it is offline
 * should mean that none can, but behind some virtual adapters and firewalls it is said for ever, and is wrong.
 *
 * @see https://html.spec.whatwg.org/multipage/system-state.html#dom-navigator-online-dev
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connectivity } from "../client/transport/Connectivity.js"

/** How long a browser is believed before its word is put to the test. */
const trialInterval = "10 seconds"

/** Whether the last request was answered: then there is a network, whatever the browser says. */
let answered = false

/** What came of a request: an answer, whatever it says, or none. */
export const report = (answer: boolean): void => {
  answered = answer
}

/**
 * Uploads pause while the browser is offline, and go on at once when it no longer is. Every ten seconds one attempt is
 * made all the same: it costs nothing, and when it is answered the browser is not believed any more, until a request
 * comes to nothing.
 */
export const layer: Layer.Layer<never> = Layer.succeed(Connectivity, {
  online: Effect.suspend(() => isOffline() ? Effect.asVoid(Effect.timeoutOption(back, trialInterval)) : Effect.void),
  isOffline: () => isOffline()
})

const isOffline = () => !navigator.onLine && !answered

const back = Effect.async<void>((resume) => Effect.sync(once("online", () => resume(Effect.void))))

/** Calls `act` once when it happens, unless what is returned has been called before. */
export const once = (event: "online" | "offline", act: () => void): () => void => {
  globalThis.addEventListener(event, act, { once: true })
  return () => globalThis.removeEventListener(event, act)
}

/**
 * What a browser knows of its network. That it is online does not mean that a server can be reached; that it is offline means that
 * none can.
 *
 * @see https://html.spec.whatwg.org/multipage/system-state.html#dom-navigator-online-dev
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { Connectivity } from "../client/Connectivity.js"

/** Uploads pause while the browser is offline, and go on at once when it no longer is. */
export const layer: Layer.Layer<never> = Layer.succeed(Connectivity, {
  online: Effect.async<void>((resume) => {
    if (navigator.onLine) {
      return resume(Effect.void)
    }
    const ignore = on("online", () => resume(Effect.void))
    return Effect.sync(ignore)
  })
})

/** Calls `act` once when it happens, unless what is returned has been called before. */
export const on = (event: "online" | "offline", act: () => void): () => void => {
  globalThis.addEventListener(event, act, { once: true })
  return () => globalThis.removeEventListener(event, act)
}

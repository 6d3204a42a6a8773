/**
 * What the server answers, in the words of the rules. A dialect encodes it as an HTTP response.
 */
import type { Addition } from "./Addition.js"
import type { Appended } from "./Append.js"
import type { Created } from "./Create.js"
import type { Downloaded } from "./Download.js"
import type { Inspected } from "./Inspect.js"
import type { Policy } from "./Policy.js"
import type { Terminated } from "./Terminate.js"

/** What the server can do. */
export interface Offered {
  readonly _tag: "Offered"
  readonly policy: Policy
}

/** The answer to each verb that is not refused. */
export type Reply = Appended | Created | Downloaded | Inspected | Offered | Terminated

/** A reply and what the application adds to it. */
export interface Answer {
  readonly reply: Reply
  readonly addition?: Addition | undefined
}

/**
 * Which start of the machine this is. What was written under another one and not synced, a power cut may have taken.
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"

/**
 * A name that no other start of any machine has. `Option.none` where the platform cannot tell, and where several
 * machines share the registry: each would roll back the uploads that the others are writing.
 */
export class BootId extends Context.Reference<BootId>()("effect-tus/BootId", {
  defaultValue: (): Option.Option<string> => Option.none()
}) {}

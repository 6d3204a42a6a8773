/**
 * Which start of the machine this is. What was written under another one and not synced, a power cut may have taken.
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"

/**
 * A name that no other start of any machine has; none where the platform cannot tell, and none for a registry to which several
 * machines write, since each of them would set back what the others are at.
 */
export class BootId extends Context.Reference<BootId>()("effect-tus/BootId", {
  defaultValue: (): Option.Option<string> => Option.none()
}) {}

/**
 * The current boot of the machine. Bytes that were written under another boot and not synced may be lost by a power
 * cut.
 */
import * as Context from "effect/Context"
import * as Option from "effect/Option"

/**
 * A unique name of this boot. `Option.none` if the platform has none, and if several machines share the registry: each
 * would roll back the uploads that the others are writing.
 */
export class BootId extends Context.Reference<BootId>()("effect-tus/BootId", {
  defaultValue: (): Option.Option<string> => Option.none()
}) {}

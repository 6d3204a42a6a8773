/**
 * The boot id of the machine, which only Linux has.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { BootId } from "../../store/BootId.js"

/** @see https://man7.org/linux/man-pages/man5/proc_sys_kernel.5.html */
const read = Effect.option(
  Effect.async<string, NodeJS.ErrnoException>((resume) =>
    Fs.readFile(
      "/proc/sys/kernel/random/boot_id",
      "utf8",
      (error, text) => resume(error === null ? Effect.succeed(text.trim()) : Effect.fail(error))
    )
  )
)

/**
 * Provides `BootId`, read once, when it is built. `Option.none` if it cannot be read; then no registry notices a
 * reboot.
 */
export const layer: Layer.Layer<never> = Layer.effect(BootId, read)

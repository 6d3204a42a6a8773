/**
 * The arguments of the process, with the bytes of names that are no UTF-8: Node has replaced them in its own.
 */
import { readFileSync } from "node:fs"
import * as FilePath from "../../node-client/FilePath.js"

/**
 * @param args - as Node tells them
 * @param read - what the system tells, each argument with a zero behind it; other arguments may come first
 */
export const exact = (args: ReadonlyArray<string>, read: () => Uint8Array = commandLine): ReadonlyArray<string> => {
  if (!args.some((arg) => arg.includes("\ufffd"))) {
    return args
  }
  const told = FilePath.fromBytes(read()).split("\0").slice(0, -1).slice(-args.length)
  return told.length === args.length && told.every((arg, i) => written(arg) === written(args[i] ?? "")) ? told : args
}

/** Only Linux has it. */
const commandLine = (): Uint8Array => {
  try {
    return readFileSync("/proc/self/cmdline")
  } catch {
    return new Uint8Array(0)
  }
}

/** Of a byte that is no UTF-8 sometimes several make one U+FFFD. */
const written = (text: string) => text.replace(/[\udc80-\udcff\ufffd]+/gu, "\ufffd")

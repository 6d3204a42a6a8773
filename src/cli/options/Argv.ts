/**
 * The arguments of the process as bytes: file names may be invalid UTF-8, which Node replaces in `process.argv`.
 */
import { readFileSync } from "node:fs"
import * as FilePath from "../../node-client/FilePath.js"

/**
 * @param args - the arguments as Node decodes them.
 * @param read - the command line of the system: each argument ends with a zero byte, and the arguments of Node come
 * first.
 */
export const exact = (args: ReadonlyArray<string>, read: () => Uint8Array = commandLine): ReadonlyArray<string> => {
  if (!args.some((arg) => arg.includes("\ufffd"))) {
    return args
  }
  const told = FilePath.fromBytes(read()).split("\0").slice(0, -1).slice(-args.length)
  return told.length === args.length && told.every((arg, i) => written(arg) === written(args[i] ?? "")) ? told : args
}

/** Exists on Linux only. */
const commandLine = (): Uint8Array => {
  try {
    return readFileSync("/proc/self/cmdline")
  } catch {
    return new Uint8Array(0)
  }
}

/** Several invalid bytes in a row may become one U+FFFD. */
const written = (text: string) => text.replace(/[\udc80-\udcff\ufffd]+/gu, "\ufffd")

import * as Logger from "effect/Logger"
import { eventually } from "./eventually.js"

/** Collects the messages that are logged, instead of printing them. */
export const logged = (lines: Array<string>) =>
  Logger.replace(Logger.defaultLogger, Logger.make(({ message }) => void lines.push([message].flat().join(" "))))

/** Waits until such a message was logged. */
export const untilLogged = (lines: ReadonlyArray<string>, pattern: RegExp) =>
  eventually(() => lines.some((line) => pattern.test(line)))

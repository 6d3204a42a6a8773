#!/usr/bin/env node
/**
 * Where the command begins. Loads the rest so that it can still speak when a package is missing.
 */
import Process from "node:process"
import * as Missing from "./Missing.js"

import("./Run.js").then(
  ({ run }) => run(),
  (cause: unknown) => {
    const said = Missing.sentence(cause)
    if (said === undefined) {
      throw cause
    }
    Process.stderr.write(`effect-tus: ${said}\n`)
    Process.exitCode = 1
  }
)

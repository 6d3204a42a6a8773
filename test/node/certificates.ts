/**
 * Certificates made with openssl, as an operator would make them: an authority, a server and a client signed by it, and
 * a client signed by nobody.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

let made: string | undefined

const make = () => {
  const at = mkdtempSync(join(tmpdir(), "effect-tus-certificates-"))
  process.once("exit", () => rmSync(at, { recursive: true, force: true }))
  const request = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -days 2".split(" ")
  const write = (name: string, ...options: ReadonlyArray<string>) =>
    execFileSync("openssl", [
      ...request,
      "-subj",
      `/CN=${name}`,
      "-keyout",
      join(at, `${name}.key`),
      "-out",
      join(at, `${name}.pem`),
      ...options
    ], { stdio: "pipe" })
  const leaf = [
    "-CA",
    join(at, "ca.pem"),
    "-CAkey",
    join(at, "ca.key"),
    "-addext",
    "basicConstraints=critical,CA:FALSE"
  ]
  write("ca")
  write("server", ...leaf, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1")
  write("client", ...leaf)
  write("stranger")
  return at
}

/** Made once per process. */
export const path = (name: string): string => join(made ??= make(), name)

export const read = (name: string): Buffer => readFileSync(path(name))

/**
 * Diagnoses CORS: what pages of another origin may do, by the answers of the server. Pure.
 *
 * @see https://fetch.spec.whatwg.org/#http-cors-protocol
 */
import type { RawResponse } from "../../wire/Message.js"
import { type Finding, note, ok, problem } from "./Finding.js"

/** A page that uploads: its preflight with the answer, and the answer to its request. */
export interface Page {
  readonly origin: string
  readonly preflight: RawResponse
  readonly answer: RawResponse
  readonly extensions: ReadonlyArray<string>
  /** Whether the user asked about this origin. */
  readonly wanted: boolean
}

export const diagnose = ({ answer, extensions, origin, preflight, wanted }: Page): Finding => {
  const allowed = [preflight, answer].map(({ headers }) => headers["access-control-allow-origin"])
  const twice = allowed.find((value) => value?.includes(","))
  if (twice !== undefined) {
    return problem(
      "cors",
      `Access-Control-Allow-Origin is sent twice: ${twice}; browsers refuse that`,
      "Let only one send it: the server handles CORS itself, so remove it from the proxy"
    )
  }
  if (!allowed.every((value) => value === "*" || value === origin)) {
    const message = `pages of ${origin} cannot upload: Access-Control-Allow-Origin does not allow them`
    return wanted
      ? problem("cors", message, "Allow the origin on the server (cors.origins), and let OPTIONS through to it")
      : note(
        "cors",
        message,
        "If pages of another origin should upload, allow it on the server, and check it with --origin"
      )
  }
  const lacking = [
    ...missing(preflight, "access-control-allow-methods", methods(extensions)).map((name) => `may not send ${name}`),
    ...missing(preflight, "access-control-allow-headers", sent(extensions)).map((name) => `may not send ${name}`),
    ...missing(answer, "access-control-expose-headers", read(extensions)).map((name) => `may not read ${name}`)
  ]
  const vital = lacking.filter((each) => !extras.test(each))
  const message = `pages of another origin ${lacking.join(", ")}`
  return vital.length > 0
    ? problem("cors", message, "Let the server answer OPTIONS, or name these in the CORS headers of the proxy")
    : lacking.length > 0
    ? note("cors", message)
    : ok("cors", `pages of ${allowed.includes("*") ? "every origin" : origin} can upload`)
}

const methods = (extensions: ReadonlyArray<string>) => [
  "PATCH",
  ...(extensions.includes("termination") ? ["DELETE"] : [])
]

const sent = (extensions: ReadonlyArray<string>) => [
  "Content-Type",
  "Tus-Resumable",
  "Upload-Length",
  "Upload-Metadata",
  "Upload-Offset",
  ...(extensions.includes("checksum") ? ["Upload-Checksum"] : []),
  ...(extensions.includes("concatenation") ? ["Upload-Concat"] : []),
  ...(extensions.includes("creation-defer-length") ? ["Upload-Defer-Length"] : [])
]

const read = (extensions: ReadonlyArray<string>) => [
  "Location",
  "Upload-Length",
  "Upload-Offset",
  "Tus-Extension",
  ...(extensions.includes("expiration") ? ["Upload-Expires"] : [])
]

/** An upload succeeds without these. */
const extras = /(Tus-Extension|Upload-Expires|Upload-Checksum|Upload-Concat|Upload-Defer-Length)$/

/** The headers of the preflight before an upload. */
export const preflightHeaders = (origin: string, extensions: ReadonlyArray<string>) => ({
  origin,
  "access-control-request-method": "PATCH",
  "access-control-request-headers": sent(extensions).map((name) => name.toLowerCase()).toSorted().join(",")
})

const missing = ({ headers }: RawResponse, header: string, names: ReadonlyArray<string>): ReadonlyArray<string> => {
  const said = (headers[header] ?? "").toLowerCase().split(",").map((name) => name.trim())
  return said.includes("*") && headers["access-control-allow-credentials"] !== "true"
    ? []
    : names.filter((name) => !said.includes(name.toLowerCase()))
}

/**
 * Describes an error in one sentence, and says what to do about it with this command.
 */
import { isPlatformError, type PlatformError } from "@effect/platform/Error"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import * as Schema from "effect/Schema"
import * as SystemReason from "../../client/transport/SystemReason.js"
import { type FileError, tlsTrouble } from "../../client/transport/TusError.js"
import * as Text from "./Text.js"

/** The arguments are wrong. */
export class UsageError extends Schema.TaggedError<UsageError>("effect-tus/cli/UsageError")("UsageError", {
  message: Schema.String
}) {}

/** A failure that is not of an upload. */
export class CommandError extends Schema.TaggedError<CommandError>("effect-tus/cli/CommandError")("CommandError", {
  message: Schema.String,
  cause: Schema.optional(Schema.Defect)
}) {}

/** A failure that has been printed already. */
export class Reported extends Schema.TaggedError<Reported>("effect-tus/cli/Reported")("Reported", {}) {}

export const sentence = (error: unknown): string => {
  const said = isPlatformError(error)
    ? `${placeOf(error)}${SystemReason.of(error)}`
    : Predicate.hasProperty(error, "message")
    ? String(error.message)
    : String(error)
  const hint = Predicate.hasProperty(error, "_tag") ? hintOf(error as FileError) : Option.none()
  const line = said.trim().replace(/\s*[\r\n]+\s*/g, " ").replace(/run "npm install [^"]+"/, besideCommand)
  return Text.clean(Option.match(hint, { onNone: () => line, onSome: (hint) => `${line}; ${hint}` }))
}

/** The library tells an application what to install; this is what a user of the command installs. */
const besideCommand =
  "install better-sqlite3@^12 beside effect-tus (npx -p effect-tus -p better-sqlite3@12 effect-tus serve)"

/** Whether the working directory was removed: then Node throws for every relative path. */
export const isRemovedDirectory = (error: unknown) =>
  Predicate.hasProperty(error, "syscall") && error.syscall === "uv_cwd"

const placeOf = (error: PlatformError) =>
  error._tag === "BadArgument" || error.pathOrDescriptor === undefined ? "" : `${error.pathOrDescriptor}: `

/** Without the name of the file, which the caller prints. */
export const reason = (error: FileError): string =>
  error._tag === "SourceError" ? sentence({ ...error, message: error.detail }) : sentence(error)

/** The whole cause with stack traces, for --debug. */
export const details = (cause: Cause.Cause<unknown>): string =>
  Cause.pretty(cause, { renderErrorCause: true }).split("\n").map(Text.clean).join("\n")

/** Error messages of the client end with advice for a programmer; this is advice for a user. */
const hintOf = (error: FileError): Option.Option<string> => {
  switch (error._tag) {
    case "Unanswered":
      return Option.fromNullable(error.reason === "Tls" ? tlsHints[tlsTrouble(error.cause)] : hints[error.reason])
    case "Refused":
      return error.status === 401 || error.status === 403
        ? Option.some(`send credentials with --header "Authorization: ..."`)
        : (error.status === 404 || error.status === 405) && error.method === "POST"
        ? Option.some("is this the URL of a tus server?")
        : (error.status === 404 || error.status === 410) && error.method === "HEAD"
        ? Option.some("the upload does not exist, or not any more")
        : Option.none()
    case "Unsupported":
      return Option.fromNullable(instead[error.extension])
    case "ForeignLocation":
      return Option.some(
        URL.canParse(error.location) ? `--allow-host ${new URL(error.location).host}` : "--allow-host HOST"
      )
    case "SourceError":
      return error.reason === "NotAFile" && /stream/.test(error.detail)
        ? Option.some("effect-tus upload - reads the standard input")
        : error.reason === "Changed" || error.reason === "TooShort" || error.reason === "TooLong"
        ? Option.some("upload it again when nothing writes to it")
        : Option.none()
    default:
      return Option.none()
  }
}

const hints: Readonly<Record<string, string | undefined>> = {
  Unreachable: "check the address, and that the server is running",
  Stalled: "--timeout sets how long to wait"
}

const tlsHints: Readonly<Record<ReturnType<typeof tlsTrouble>, string | undefined>> = {
  Plain: undefined,
  Nameless: "use --cert FILE and --key FILE",
  Elsewhere: undefined,
  Unknown: "use --ca FILE to trust it"
}

const instead: Readonly<Record<string, string | undefined>> = {
  "creation-defer-length": "save it to a file, and upload that",
  checksum: "leave out --checksum"
}

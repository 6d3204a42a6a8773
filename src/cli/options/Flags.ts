/**
 * Options that several commands share. A value that cannot be parsed is refused here, with the name of its option.
 */
import * as Args from "@effect/cli/Args"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Sendable from "../../client/transport/Sendable.js"
import { Algorithm } from "../../protocol/Checksum.js"
import type * as Display from "../terminal/Display.js"
import * as Size from "../terminal/Size.js"
import * as Time from "../terminal/Time.js"
import type * as Connection from "./Connection.js"
import type * as Journal from "./Journal.js"

/** An option with a parsed value. `Option.none` from `parse` refuses the text. */
export const parsed = <A>(
  name: string,
  value: string,
  expected: string,
  parse: (text: string) => Option.Option<A>
): Options.Options<A> => Options.mapEffect(text(name, value), read(name, expected, parse))

const text = (name: string, value: string) => Options.text(name).pipe(Options.withPseudoName(value))

const read = <A>(name: string, expected: string, parse: (text: string) => Option.Option<A>) => (text: string) =>
  Effect.mapError(
    parse(text),
    () => ValidationError.invalidValue(HelpDoc.p(`--${name}: expected ${expected}, got ${JSON.stringify(text)}`))
  )

export const size = (name: string): Options.Options<number> => parsed(name, "SIZE", Size.expected, Size.parse)

export const duration = (name: string): Options.Options<Duration.Duration> =>
  parsed(name, "DURATION", Time.expected, Time.parse)

/** The lifetime of an upload; `Option.none` is no limit. */
export const life = (name: string): Options.Options<Option.Option<Duration.Duration>> =>
  parsed(
    name,
    "DURATION",
    `${Time.expected}, or "never"`,
    (text) => text === "never" ? Option.some(Option.none()) : Option.map(Time.parse(text), Option.some)
  ).pipe(Options.withDefault(Time.parse("1 day")))

/** The directory of a server. */
export const store: Options.Options<string> = Options.text("dir").pipe(
  Options.withPseudoName("DIR"),
  Options.withDefault("./uploads"),
  Options.withDescription(
    "The directory for uploads and database: ./uploads by default. One server at a time can use it."
  )
)

export const whole = (name: string, from: number, to = Number.MAX_SAFE_INTEGER): Options.Options<number> =>
  parsed(
    name,
    "N",
    to === Number.MAX_SAFE_INTEGER ? `a whole number from ${from}` : `a whole number from ${from} to ${to}`,
    wholeBetween(from, to)
  )

const wholeBetween = (from: number, to: number) => (text: string): Option.Option<number> =>
  /^\d+$/.test(text) && Number(text) >= from && Number(text) <= to ? Option.some(Number(text)) : Option.none()

export const oneOf = <A extends string>(name: string, values: ReadonlyArray<A>): Options.Options<A> =>
  parsed(
    name,
    "NAME",
    `one of ${values.join(", ")}`,
    (text) => Option.fromNullable(values.find((each) => each === text))
  )

export const isUrl = (text: string): boolean => /^https?:\/\//i.test(text) && URL.canParse(text)

/** A header field. The error does not repeat the text, which often is a password. */
const header = (text: string): Effect.Effect<readonly [string, string], ValidationError.ValidationError> => {
  const [, name, value = ""] = /^([^:]*):[ \t]*(.*?)[ \t]*$/s.exec(text) ?? []
  const fault = name === undefined
    ? Option.some(`expected "Name: value", got no colon in ${text.length} characters`)
    : Sendable.fault({ [name]: value })
  return name === undefined || Option.isSome(fault)
    ? Effect.fail(ValidationError.invalidValue(HelpDoc.p(`--header: ${Option.getOrElse(fault, () => "")}`)))
    : Effect.succeed([name, value])
}

/** A key alone has an empty value. */
const pair = (text: string): Option.Option<readonly [string, string]> => {
  const [, key, value = ""] = /^([\x21-\x2b\x2d-\x3c\x3e-\x7e]+)(?:=(.*))?$/s.exec(text) ?? []
  return key === undefined ? Option.none() : Option.some([key, value])
}

export const metadata = text("metadata", "KEY=VALUE").pipe(
  Options.withDescription(
    "Metadata of each file. filename, filetype and, with -r, relativePath are added unless given. Repeatable."
  ),
  Options.repeated,
  Options.mapEffect(Effect.forEach(read("metadata", "key=value, the key without spaces and commas", pair))),
  Options.map(Object.fromEntries<string>)
)

const expectedUrl = "a URL that begins with http:// or https://"

/** The URL of an upload. */
export const url: Args.Args<string> = Args.text({ name: "URL" }).pipe(
  Args.mapEffect((text) =>
    isUrl(text)
      ? Effect.succeed(text)
      : Effect.fail(HelpDoc.p(`expected ${expectedUrl}, got ${JSON.stringify(text)}`))
  )
)

const proxy = parsed("proxy", "URL", expectedUrl, (text) => (isUrl(text) ? Option.some(text) : Option.none()))

export const debug = Options.boolean("debug").pipe(
  Options.withDescription("Prints more messages, and all details of errors.")
)

export const connection: { readonly [K in keyof Connection.Options]: Options.Options<Connection.Options[K]> } = {
  headers: text("header", "NAME: VALUE").pipe(
    Options.withAlias("H"),
    Options.withDescription("A header of every request. Repeatable."),
    Options.repeated,
    Options.mapEffect(Effect.forEach(header)),
    Options.map(Object.fromEntries<string>)
  ),
  timeout: duration("timeout").pipe(
    Options.withDefault(Option.getOrThrow(Time.parse("30s"))),
    Options.withDescription(
      "How long a request may make no progress before it is tried again: 30s by default. An answer may take ten times as long in all."
    )
  ),
  ca: text("ca", "FILE").pipe(
    Options.optional,
    Options.withDescription("Certificate authorities (PEM) to trust instead of those of the system.")
  ),
  cert: text("cert", "FILE").pipe(
    Options.optional,
    Options.withDescription("A client certificate (PEM).")
  ),
  key: text("key", "FILE").pipe(Options.optional, Options.withDescription("The private key (PEM) of --cert.")),
  insecure: Options.boolean("insecure").pipe(
    Options.withDescription("Accepts any server certificate. For tests only.")
  ),
  proxy: proxy.pipe(
    Options.optional,
    Options.withDescription("An HTTP proxy; overrides https_proxy, http_proxy and no_proxy.")
  ),
  methodOverride: Options.boolean("method-override").pipe(
    Options.withDescription("Sends PATCH and DELETE as POST, for networks that let only GET and POST through.")
  ),
  requestId: Options.boolean("request-id").pipe(
    Options.withDescription("Sends a new X-Request-ID with each request.")
  )
}

export const retry = {
  retries: whole("retries", 0).pipe(
    Options.withDefault(10),
    Options.withDescription("How often to retry in a row without progress: 10 times by default, 0 for never.")
  ),
  retryFor: duration("retry-for").pipe(
    Options.optional,
    Options.withDescription("How long to retry without progress. No limit by default.")
  )
}

export const transfer = {
  chunkSize: size("chunk-size").pipe(
    Options.optional,
    Options.withDescription("The most bytes of one request, such as 8MiB. No limit by default.")
  ),
  parallel: parsed(
    "parallel",
    "N",
    `a whole number from 1, or "auto"`,
    (text) => text === "auto" ? Option.some<number | "auto">("auto") : wholeBetween(1, 64)(text)
  ).pipe(
    Options.optional,
    Options.withDescription(
      "Sends each file in N parts at once, if the server can join them; auto uses up to 4 parts of at least 64 MiB."
    )
  ),
  concurrency: whole("concurrency", 1, 1000).pipe(
    Options.withDefault(3),
    Options.withDescription("How many files are sent at once: 3 by default.")
  ),
  checksum: oneOf("checksum", Algorithm.literals).pipe(
    Options.optional,
    Options.withDescription(`Lets the server verify each chunk: ${Algorithm.literals.join(", ")}.`)
  ),
  terminateOnAbort: Options.boolean("terminate-on-abort").pipe(
    Options.withDescription("On Ctrl-C, removes unfinished uploads from the server.")
  ),
  allowedHosts: text("allow-host", "HOST").pipe(
    Options.withDescription(
      "Another host (with its port) that the server may name as the location of an upload. Repeatable."
    ),
    Options.repeated
  ),
  ...retry
}

export const json = Options.boolean("json").pipe(Options.withDescription("Prints JSON, one object per line."))

export const mode: Options.Options<Display.Mode> = Options.all({
  json,
  quiet: Options.boolean("quiet").pipe(
    Options.withAlias("q"),
    Options.withDescription("Prints only the URLs of uploads, and errors.")
  )
}).pipe(Options.map(({ json, quiet }) => (json ? "json" : quiet ? "quiet" : "normal")))

const directory = text("journal", "DIR").pipe(
  Options.optional,
  Options.withDescription(
    "The directory in which unfinished uploads are recorded: $XDG_STATE_HOME/effect-tus or ~/.local/state/effect-tus by default."
  ),
  Options.map(Option.match({
    onNone: (): Journal.Choice => ({ _tag: "Default" }),
    onSome: (path): Journal.Choice => ({ _tag: "Directory", path })
  }))
)

export const journal: Options.Options<Journal.Choice> = directory

export const journalOrNone: Options.Options<Journal.Choice> = Options.all({
  directory,
  none: Options.boolean("no-journal").pipe(
    Options.withDescription("Records nothing: an interrupted upload cannot be resumed.")
  )
}).pipe(Options.map(({ directory, none }): Journal.Choice => (none ? { _tag: "None" } : directory)))

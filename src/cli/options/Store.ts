/**
 * Where `effect-tus serve` keeps states and bytes, if not in a directory: its options, and what they mean together.
 */
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as ValidationError from "@effect/cli/ValidationError"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** A bucket, and what the keys of this server begin with. */
export interface Bucket {
  readonly bucket: string
  readonly prefix: string
  readonly endpoint: string | undefined
  readonly region: string | undefined
}

/** Where a server keeps what it stores. */
export type Store =
  | { readonly _tag: "Directory" }
  | { readonly _tag: "DirectoryAndBucket"; readonly bucket: Bucket }
  | { readonly _tag: "DatabaseAndBucket"; readonly database: Redacted.Redacted; readonly bucket: Bucket }

const wrong = (message: string) => ValidationError.invalidValue(HelpDoc.p(message))

/** The error does not repeat the text, which may have a password. */
const database = Options.text("database").pipe(
  Options.withPseudoName("URL"),
  Options.mapEffect((text) =>
    /^postgres(ql)?:\/\//.test(text) && URL.canParse(text)
      ? Either.right(Redacted.make(text))
      : Either.left(wrong("--database: expected a URL such as postgres://user@host/database"))
  ),
  Options.optional,
  Options.withDescription(
    "The PostgreSQL of all servers, such as postgres://user@host/db; needs --bucket. Its password comes from PGPASSWORD, ~/.pgpass, EFFECT_TUS_DATABASE or the config file, since everybody on this machine can read arguments."
  )
)

const place = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/((?:[\w.-]+\/)*[\w.-]*))?$/

const bucket = Options.text("bucket").pipe(
  Options.withPseudoName("BUCKET"),
  Options.mapEffect((text) => {
    const [, name, prefix = ""] = place.exec(text) ?? []
    return name === undefined
      ? Either.left(wrong(`--bucket: expected s3://NAME or s3://NAME/PREFIX, got ${JSON.stringify(text)}`))
      : Either.right({ bucket: name, prefix: `${prefix === "" ? "uploads" : prefix.replace(/\/$/, "")}/` })
  }),
  Options.optional,
  Options.withDescription(
    "The S3 bucket for the bytes, s3://NAME/PREFIX, with a prefix that nothing else uses: uploads by default. Credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, a profile, or the role of the machine."
  )
)

const endpoint = Options.text("bucket-endpoint").pipe(
  Options.withPseudoName("URL"),
  Options.optional,
  Options.withDescription("The URL of an S3-compatible store other than AWS.")
)

const region = Options.text("bucket-region").pipe(
  Options.withPseudoName("NAME"),
  Options.optional,
  Options.withDescription("The region of the bucket: AWS_REGION by default.")
)

/** What the options mean. `Left` says which one is missing. */
export const decide = (
  { bucket, database, endpoint, region }: {
    readonly bucket: Option.Option<Pick<Bucket, "bucket" | "prefix">>
    readonly database: Option.Option<Redacted.Redacted>
    readonly endpoint: Option.Option<string>
    readonly region: Option.Option<string>
  }
): Either.Either<Store, string> => {
  if (Option.isNone(bucket)) {
    return Option.isSome(database)
      ? Either.left("--database needs --bucket: files on one machine are not found by other servers")
      : Option.isSome(endpoint) || Option.isSome(region)
      ? Either.left("--bucket-endpoint and --bucket-region need --bucket")
      : Either.right({ _tag: "Directory" })
  }
  const where = {
    ...bucket.value,
    endpoint: Option.getOrUndefined(endpoint),
    region: Option.getOrUndefined(region)
  }
  return Either.right(
    Option.match(database, {
      onNone: (): Store => ({ _tag: "DirectoryAndBucket", bucket: where }),
      onSome: (database) => ({ _tag: "DatabaseAndBucket", bucket: where, database })
    })
  )
}

/** The options of a store. */
export const options: Options.Options<Store> = Options.all({ bucket, database, endpoint, region }).pipe(
  Options.mapEffect((given) => Either.mapLeft(decide(given), wrong))
)

/** Whether an argument of the process shows the password of the database to everybody on this machine. */
export const isExposed = (store: Store, args: ReadonlyArray<string>): boolean => {
  if (store._tag !== "DatabaseAndBucket") {
    return false
  }
  const text = Redacted.value(store.database)
  const { password, searchParams } = new URL(text)
  return (password !== "" || searchParams.has("password")) && args.some((arg) => arg.includes(text))
}

/** Where uploads are, for people. */
export const nameOf = (store: Store, directory: string): string => {
  if (store._tag === "Directory") {
    return directory
  }
  const bytes = `s3://${store.bucket.bucket}/${store.bucket.prefix}`
  if (store._tag === "DirectoryAndBucket") {
    return `${bytes}, their states in ${directory}`
  }
  const { host, pathname } = new URL(Redacted.value(store.database))
  return `${bytes}, their states in PostgreSQL at ${host}${pathname}`
}

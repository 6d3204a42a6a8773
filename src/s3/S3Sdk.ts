/**
 * The calls to S3 by `@aws-sdk/client-s3`, which knows where credentials, regions and endpoints come from.
 */
import { S3Client } from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as OptionError from "../server/policy/OptionError.js"
import { S3Objects } from "./S3Objects.js"
import * as SdkCalls from "./SdkCalls.js"
import * as SdkLists from "./SdkLists.js"
import * as SdkMultiparts from "./SdkMultiparts.js"
import * as SdkObjects from "./SdkObjects.js"

/** A client of your own, and the bucket. */
export interface Options {
  /**
   * Its credentials, endpoint, connections and middleware are used. It is neither changed nor closed. Its retries and
   * checksums are not used: each call is sent once, and the store checks bytes by `Content-MD5`, which all stores know.
   * The SDK opens 50 connections at most, unless its `requestHandler` has an agent with other `maxSockets`.
   */
  readonly client: S3Client
  readonly bucket: string
}

const checkOptions = OptionError.check(Schema.Struct({ bucket: OptionError.text }))

/** Makes no request: a wrong bucket shows at the first call. */
export const layer = (options: Options): Layer.Layer<S3Objects, OptionError.OptionError> =>
  Layer.effect(S3Objects, Effect.map(checkOptions(options), make))

const make = ({ bucket, client }: Options): S3Objects["Type"] => {
  const calls = SdkCalls.make(client, bucket)
  return { bucket, ...SdkObjects.make(calls), ...SdkMultiparts.make(calls), ...SdkLists.make(calls) }
}

/** Where the bucket is. The SDK finds the credentials: environment, files of the AWS command, role of the machine. */
export interface Config {
  readonly bucket: string
  /** The URL of the store, unless it is that of AWS. */
  readonly endpoint?: string | undefined
  /** By default `AWS_REGION`, or that of the profile. Stores other than AWS mostly take `us-east-1`, R2 `auto`. */
  readonly region?: string | undefined
  /** Whether the bucket is in the path of URLs instead of the host. By default it is if there is an `endpoint`. */
  readonly forcePathStyle?: boolean | undefined
  /** The most connections of this process. 128 by default. */
  readonly maxConnections?: number | undefined
}

const checkConfig = OptionError.check(Schema.Struct({
  bucket: OptionError.text,
  endpoint: Schema.optional(
    Schema.String.pipe(Schema.filter((text) => /^https?:$/.test(URL.canParse(text) ? new URL(text).protocol : "")))
      .annotations({ message: () => "a URL such as https://s3.example.com" })
  ),
  region: Schema.optional(OptionError.text),
  forcePathStyle: Schema.optional(OptionError.flag),
  maxConnections: Schema.optional(OptionError.whole(1, 10_000))
}))

/** Makes no request to the store, but looks for region and credentials: if there are none, the layer fails. */
export const layerConfig = (config: Config): Layer.Layer<S3Objects, OptionError.OptionError> =>
  Layer.scoped(
    S3Objects,
    Effect.gen(function*() {
      const { bucket, endpoint, forcePathStyle = endpoint !== undefined, maxConnections = 128, region } =
        yield* checkConfig(config)
      const agent = { keepAlive: true, maxSockets: maxConnections }
      const client = yield* Effect.acquireRelease(
        Effect.sync(() =>
          new S3Client({
            ...(endpoint === undefined ? {} : { endpoint }),
            ...(region === undefined ? {} : { region }),
            forcePathStyle,
            requestHandler: { connectionTimeout: 5000, httpAgent: agent, httpsAgent: agent }
          })
        ),
        (client) => Effect.sync(() => client.destroy())
      )
      yield* found("region", "a region, or AWS_REGION in the environment", () => client.config.region())
      yield* found(
        "credentials",
        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment, a profile, or a role",
        () => client.config.credentials()
      )
      return make({ bucket, client })
    })
  )

const found = (option: string, expected: string, find: () => Promise<unknown>) =>
  Effect.tryPromise({ try: find, catch: () => new OptionError.OptionError({ option, expected, actual: "none" }) })

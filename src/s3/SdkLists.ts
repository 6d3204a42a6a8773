/**
 * Lists, and the rules of a bucket, by `@aws-sdk/client-s3`.
 */
import {
  GetBucketLifecycleConfigurationCommand,
  type LifecycleRule,
  ListMultipartUploadsCommand,
  ListObjectsV2Command,
  ListPartsCommand
} from "@aws-sdk/client-s3"
import * as Chunk from "effect/Chunk"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as AbortRule from "./AbortRule.js"
import type { S3Error, S3Objects } from "./S3Objects.js"
import * as SdkCalls from "./SdkCalls.js"

type Methods = Pick<S3Objects["Type"], "list" | "parts" | "multiparts" | "abortRule">

export const make = (calls: SdkCalls.Calls): Methods => ({
  list: list(calls),
  parts: parts(calls),
  multiparts: multiparts(calls),
  abortRule: abortRule(calls)
})

const list = ({ bucket: Bucket, call, client }: SdkCalls.Calls): Methods["list"] => ({ after, prefix }) => {
  const description: SdkCalls.Description = { call: "object", operation: `list ${prefix}` }
  const input = { Bucket, Prefix: prefix, ...(after === undefined ? {} : { StartAfter: after }) }
  return Effect.flatMap(
    call(description, (http) => client.send(new ListObjectsV2Command(input), http)),
    ({ Contents = [] }) =>
      Effect.forEach(
        Contents,
        ({ Key, LastModified, Size }) =>
          Key === undefined || Size === undefined || LastModified === undefined
            ? Effect.fail(SdkCalls.incomplete(description, "key, size or date of an object"))
            : Effect.succeed({ key: Key, size: Size, modifiedAt: DateTime.unsafeFromDate(LastModified) })
      )
  )
}

const parts = ({ bucket: Bucket, call, client }: SdkCalls.Calls): Methods["parts"] => ({ key, multipartId }) => {
  const description: SdkCalls.Description = { call: "multipart", operation: `list the parts of ${key}` }
  const page = (after: string | undefined) => {
    const marker = after === undefined ? {} : { PartNumberMarker: after }
    const input = { Bucket, Key: key, UploadId: multipartId, ...marker }
    return call(description, (http) => client.send(new ListPartsCommand(input), http))
  }
  return pages(
    description,
    (after: string | undefined) =>
      Effect.flatMap(page(after), ({ IsTruncated, NextPartNumberMarker = "", Parts = [] }) =>
        Effect.map(
          Effect.forEach(Parts, ({ ETag, PartNumber, Size }) =>
            ETag === undefined || PartNumber === undefined || Size === undefined
              ? Effect.fail(SdkCalls.incomplete(description, "number, size or ETag of a part"))
              : Effect.succeed({ number: PartNumber, etag: ETag, size: Size })),
          (items) => ({ items, next: IsTruncated === true ? NextPartNumberMarker : undefined })
        ))
  ).pipe(Stream.runCollect, Effect.map(Chunk.toReadonlyArray))
}

/** Behind which multipart upload a page begins. */
interface Marker {
  readonly key: string
  readonly id: string
}

const multiparts = ({ bucket: Bucket, call, client }: SdkCalls.Calls): Methods["multiparts"] => (prefix) => {
  const description: SdkCalls.Description = { call: "object", operation: `list the multipart uploads ${prefix}` }
  const page = (after: Marker | undefined) => {
    const marker = after === undefined ? {} : { KeyMarker: after.key, UploadIdMarker: after.id }
    const input = { Bucket, Prefix: prefix, ...marker }
    return call(description, (http) => client.send(new ListMultipartUploadsCommand(input), http))
  }
  return pages(
    description,
    (after: Marker | undefined) =>
      Effect.flatMap(
        page(after),
        ({ IsTruncated, NextKeyMarker = "", NextUploadIdMarker = "", Uploads = [] }) =>
          Effect.map(
            Effect.forEach(Uploads, ({ Initiated, Key, UploadId }) =>
              Key === undefined || UploadId === undefined || Initiated === undefined
                ? Effect.fail(SdkCalls.incomplete(description, "key, id or date of a multipart upload"))
                : Effect.succeed({ key: Key, multipartId: UploadId, initiatedAt: DateTime.unsafeFromDate(Initiated) })),
            (items) => ({
              items,
              next: IsTruncated === true ? { key: NextKeyMarker, id: NextUploadIdMarker } : undefined
            })
          )
      )
  )
}

const abortRule = ({ bucket: Bucket, call, client }: SdkCalls.Calls): Methods["abortRule"] => (prefix) =>
  call(
    { call: "object", operation: `read the lifecycle rules of ${Bucket}` },
    (http) => client.send(new GetBucketLifecycleConfigurationCommand({ Bucket }), http).catch(noRules)
  ).pipe(Effect.map(({ Rules = [] }) => AbortRule.days(Rules, prefix)))

const noRules = (cause: unknown): Promise<{ readonly Rules?: Array<LifecycleRule> }> =>
  cause instanceof Error && cause.name === "NoSuchLifecycleConfiguration" ? Promise.resolve({}) : Promise.reject(cause)

/** A page of a list, and the marker behind which the next one begins. */
interface Page<A, M> {
  readonly items: ReadonlyArray<A>
  readonly next: M | undefined
}

/** All pages. A store that does not move on from a marker would never end. */
const pages = <A, M>(
  description: SdkCalls.Description,
  page: (after: M | undefined) => Effect.Effect<Page<A, M>, S3Error>
): Stream.Stream<A, S3Error> =>
  Stream.paginateChunkEffect(
    undefined as M | undefined,
    (after) =>
      Effect.flatMap(page(after), ({ items, next }) =>
        next !== undefined && JSON.stringify(next) === JSON.stringify(after)
          ? Effect.fail(SdkCalls.incomplete(description, "next page, although it says so"))
          : Effect.succeed([Chunk.unsafeFromArray(items), next === undefined ? Option.none() : Option.some(next)]))
  )

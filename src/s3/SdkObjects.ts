/**
 * Whole objects, by `@aws-sdk/client-s3`.
 */
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  PutObjectCommand
} from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { ByteRange, ObjectOptions, S3Objects } from "./S3Objects.js"
import * as SdkCalls from "./SdkCalls.js"
import * as SdkPresign from "./SdkPresign.js"
import * as SdkStream from "./SdkStream.js"

export const make = (
  calls: SdkCalls.Calls
): Pick<S3Objects["Type"], "put" | "get" | "head" | "remove" | "presign"> => {
  const { bucket: Bucket, call, client } = calls
  /** The answer to a HEAD has no code. Without its bucket, an object is not just gone. */
  const absent = (operation: string) =>
    call(
      { call: "bucket", operation },
      (http) => client.send(new HeadBucketCommand({ Bucket }), http)
    ).pipe(SdkCalls.ignore("Denied"), Effect.zipRight(Effect.succeedNone))

  return {
    put: (key, bytes, options) =>
      Effect.asVoid(call(
        { call: "object", operation: `put ${key}`, limit: SdkCalls.patience(bytes.byteLength) },
        (http) => client.send(new PutObjectCommand({ Bucket, Key: key, ...bodyOf(bytes), ...headersOf(options) }), http)
      )),

    get: (key, range) =>
      range.end <= range.start
        ? Stream.empty
        : SdkStream.make(
          call,
          `get ${key}`,
          range,
          (http) => client.send(new GetObjectCommand({ Bucket, Key: key, Range: rangeOf(range) }), http)
        ),

    head: (key) => {
      const description: SdkCalls.Description = { call: "head", operation: `head ${key}` }
      return call(description, (http) => client.send(new HeadObjectCommand({ Bucket, Key: key }), http)).pipe(
        Effect.flatMap(({ ContentLength, Metadata = {} }) =>
          ContentLength === undefined
            ? Effect.fail(SdkCalls.incomplete(description, "size"))
            : Effect.succeedSome({ size: ContentLength, metadata: Metadata })
        ),
        Effect.catchIf(({ reason }) => reason === "NoSuchKey", () => absent(description.operation))
      )
    },

    remove: (key) =>
      call(
        { call: "object", operation: `remove ${key}` },
        (http) => client.send(new DeleteObjectCommand({ Bucket, Key: key }), http)
      ).pipe(SdkCalls.ignore("NoSuchKey")),

    presign: (key, { contentDisposition, seconds }) =>
      SdkPresign.make(
        calls,
        `presign ${key}`,
        new GetObjectCommand({
          Bucket,
          Key: key,
          ...(contentDisposition === undefined ? {} : { ResponseContentDisposition: contentDisposition })
        }),
        seconds
      )
  }
}

/** Bytes, and what the store checks them by. */
export const bodyOf = (bytes: Uint8Array) => ({
  Body: bytes,
  ContentLength: bytes.byteLength,
  ContentMD5: createHash("md5").update(bytes).digest("base64")
})

/** What the store keeps with an object. */
export const headersOf = ({ contentDisposition, contentType, metadata }: ObjectOptions = {}) => ({
  ...(contentType === undefined ? {} : { ContentType: contentType }),
  ...(contentDisposition === undefined ? {} : { ContentDisposition: contentDisposition }),
  ...(metadata === undefined ? {} : { Metadata: { ...metadata } })
})

export const rangeOf = ({ end, start }: ByteRange): string => `bytes=${start}-${end - 1}`

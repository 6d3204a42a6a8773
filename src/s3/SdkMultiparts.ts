/**
 * Multipart uploads, by `@aws-sdk/client-s3`.
 */
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  UploadPartCommand,
  UploadPartCopyCommand
} from "@aws-sdk/client-s3"
import * as Effect from "effect/Effect"
import type { Multipart, S3Error, S3Objects } from "./S3Objects.js"
import * as SdkCalls from "./SdkCalls.js"
import { bodyOf, headersOf, rangeOf } from "./SdkObjects.js"

export const make = (
  { bucket: Bucket, call, client }: SdkCalls.Calls
): Pick<S3Objects["Type"], "createMultipart" | "uploadPart" | "copyPart" | "complete" | "abort"> => {
  const placeOf = ({ key, multipartId }: Multipart) => ({ Bucket, Key: key, UploadId: multipartId })

  return {
    createMultipart: (key, options) => {
      const description: SdkCalls.Description = { call: "object", operation: `begin the multipart upload ${key}` }
      return Effect.flatMap(
        call(
          description,
          (http) => client.send(new CreateMultipartUploadCommand({ Bucket, Key: key, ...headersOf(options) }), http)
        ),
        ({ UploadId }) => present(UploadId, description, "UploadId")
      )
    },

    uploadPart: (to, number, bytes) => {
      const description: SdkCalls.Description = {
        call: "multipart",
        operation: `put part ${number} of ${to.key}`,
        limit: SdkCalls.patience(bytes.byteLength)
      }
      return Effect.flatMap(
        call(
          description,
          (http) => client.send(new UploadPartCommand({ ...placeOf(to), PartNumber: number, ...bodyOf(bytes) }), http)
        ),
        ({ ETag }) => present(ETag, description, "ETag")
      )
    },

    copyPart: (to, number, { key, ...range }) => {
      const description: SdkCalls.Description = {
        call: "object",
        operation: `copy from ${key} to part ${number} of ${to.key}`,
        limit: SdkCalls.patienceOfCopy(range.end - range.start)
      }
      return Effect.flatMap(
        call(description, (http) =>
          client.send(
            new UploadPartCopyCommand({
              ...placeOf(to),
              PartNumber: number,
              CopySource: [Bucket, ...key.split("/")].map(encodeURIComponent).join("/"),
              CopySourceRange: rangeOf(range)
            }),
            http
          )),
        ({ CopyPartResult }) => present(CopyPartResult?.ETag, description, "ETag")
      )
    },

    complete: (upload, parts) => {
      const description: SdkCalls.Description = {
        call: "multipart",
        operation: `complete ${upload.key}`,
        limit: SdkCalls.patienceOfJoining(parts.length)
      }
      const Parts = parts.map(({ etag, number }) => ({ ETag: etag, PartNumber: number }))
      return call(
        description,
        (http) =>
          client.send(new CompleteMultipartUploadCommand({ ...placeOf(upload), MultipartUpload: { Parts } }), http)
      ).pipe(
        // Ceph RGW leaves the ETag empty. An answer that has broken off, or is something else, has none of these.
        Effect.flatMap(({ ETag, Key, Location }) =>
          present([Key, Location, ETag].find((text) => text !== undefined && text !== ""), description, "key")
        ),
        Effect.asVoid
      )
    },

    abort: (upload) =>
      call(
        { call: "multipart", operation: `abort the multipart upload ${upload.key}` },
        (http) => client.send(new AbortMultipartUploadCommand(placeOf(upload)), http)
      ).pipe(SdkCalls.ignore("NoSuchUpload"))
  }
}

const present = (
  text: string | undefined,
  description: SdkCalls.Description,
  what: string
): Effect.Effect<string, S3Error> =>
  text === undefined || text === "" ? Effect.fail(SdkCalls.incomplete(description, what)) : Effect.succeed(text)

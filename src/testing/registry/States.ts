/**
 * States for the suites of registries.
 */
import { deepStrictEqual } from "@effect/vitest/utils"
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Uploads from "../../protocol/Upload.js"
import type { WriteOptions } from "../../store/UploadRegistry.js"

type Upload = Uploads.Upload
type UploadId = Uploads.UploadId
const { Bytes, Upload, UploadId } = Uploads

export const fence = (fence: number): WriteOptions => ({ fence, durable: false })

/** Ids that sort like their numbers. */
export const id = (n: number): UploadId => UploadId.make(`upload-${String(n).padStart(16, "0")}`)
export const at = (millis: number): DateTime.Utc => DateTime.unsafeMake(millis)

export interface Details {
  readonly offset?: number
  readonly length?: number
  readonly kind?: Uploads.Kind
  readonly expiresAt?: DateTime.Utc
  readonly completion?: Exclude<Uploads.Completion, { readonly _tag: "Open" }>
}

export const open = (
  n: number,
  { expiresAt, kind = { _tag: "Whole" }, length = 100, offset = 0 }: Details = {}
): Upload =>
  new Upload({
    id: id(n),
    kind,
    offset: Bytes.make(offset),
    length: Option.some(Bytes.make(length)),
    metadata: Option.some("filename d29ybGQ="),
    createdAt: at(1),
    expiresAt: Option.fromNullable(expiresAt),
    expiryIsFixed: false,
    completion: { _tag: "Open" },
    owner: Option.none(),
    dialect: "tus"
  })

export const complete = (
  n: number,
  { completion = { _tag: "Complete", at: at(2), answer: Option.none() }, ...details }: Details = {}
): Upload => open(n, details).fill(Bytes.make(details.length ?? 100), completion)

export const same = <A>(actual: A, expected: A) => deepStrictEqual(plain(actual), plain(expected))
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value))

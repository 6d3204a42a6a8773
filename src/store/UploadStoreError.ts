/**
 * How a store fails. A refusal is an answer; these are not: clients are told 5xx and nothing about their upload
 * changes.
 */
import * as Schema from "effect/Schema"
import type { Dialect } from "../protocol/Dialect.js"

/** What `UploadStoreError` and `Superseded` carry as a key. */
export const TypeId: TypeId = "~effect-tus/UploadStoreError"
export type TypeId = "~effect-tus/UploadStoreError"

/**
 * The backend did not do what it was asked. `Corrupt`: it holds less, or something else, than it had acknowledged.
 * `Unsynced`: what was written may be lost, though it can be read, and another sync would not tell. `UnknownDialect`:
 * the upload was created in a dialect that this version does not serve; nothing is wrong with it.
 */
export class UploadStoreError extends Schema.TaggedError<UploadStoreError>("effect-tus/UploadStoreError")(
  "UploadStoreError",
  {
    reason: Schema.Literal("Read", "Write", "NoSpace", "Corrupt", "Unsynced", "UnknownDialect"),
    /** What was being done, and to what. */
    operation: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${this.operation}: ${this.cause instanceof Error ? this.cause.message : this.reason}`
  }
}

/** The upload stays as it is, for a version that serves the dialect. */
export const unknownDialect = (id: string, dialect: Dialect): UploadStoreError =>
  new UploadStoreError({
    reason: "UnknownDialect",
    operation: `serve the upload ${id}`,
    cause: new Error(
      `it was created in the dialect ${dialect}, which this version of effect-tus does not speak; run the version that wrote it`
    )
  })

/** The state in the registry is not the one this writer started from, or a newer writer holds the upload. */
export class Superseded extends Schema.TaggedError<Superseded>("effect-tus/Superseded")("Superseded", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `another writer has moved the upload ${this.id} on`
  }
}

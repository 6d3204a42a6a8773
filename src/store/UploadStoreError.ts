/**
 * How a store fails. A refusal is an answer; these are not: clients get a 5xx, and their upload does not change.
 */
import * as Schema from "effect/Schema"
import type { Dialect } from "../protocol/Dialect.js"

/** The key that `UploadStoreError` and `Superseded` carry. */
export const TypeId: TypeId = "~effect-tus/UploadStoreError"
export type TypeId = "~effect-tus/UploadStoreError"

/**
 * A backend failed. `Corrupt`: it holds less than it had acknowledged, or something else. `Unsynced`: written bytes may
 * be lost although they can be read, and another fsync would not tell. `Unavailable`: a database or an object store
 * cannot be reached for now, or asks to be asked later. `UnknownDialect`: the upload was created in a dialect that this
 * version does not serve. In both cases nothing is wrong with the upload.
 */
export class UploadStoreError extends Schema.TaggedError<UploadStoreError>("effect-tus/UploadStoreError")(
  "UploadStoreError",
  {
    reason: Schema.Literal("Read", "Write", "NoSpace", "Corrupt", "Unsynced", "Unavailable", "UnknownDialect"),
    /** The operation and its object. */
    operation: Schema.String,
    cause: Schema.optional(Schema.Defect)
  }
) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `${this.operation}: ${this.cause instanceof Error ? this.cause.message : sentences[this.reason]}`
  }
}

const sentences: Readonly<Record<UploadStoreError["reason"], string>> = {
  Read: "it cannot be read",
  Write: "it cannot be written",
  NoSpace: "there is no space left",
  Corrupt: "it has fewer bytes than were acknowledged",
  Unsynced: "an fsync has failed",
  Unavailable: "it cannot be reached",
  UnknownDialect: "this version does not support its dialect"
}

/** Whether a backend holds less than it had acknowledged, or something else. */
export const isCorrupt = (error: unknown): error is UploadStoreError =>
  error instanceof UploadStoreError && error.reason === "Corrupt"

/** The error for an upload in another dialect. The upload stays as it is, for a version that serves the dialect. */
export const unknownDialect = (id: string, dialect: Dialect): UploadStoreError =>
  new UploadStoreError({
    reason: "UnknownDialect",
    operation: `serve the upload ${id}`,
    cause: new Error(
      `it was created in the dialect ${dialect}, which this version of effect-tus does not support; run the version that created it`
    )
  })

/** The stored state is not the one that this writer started from, or a newer writer holds the upload. */
export class Superseded extends Schema.TaggedError<Superseded>("effect-tus/Superseded")("Superseded", {
  id: Schema.String
}) {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `another writer has changed the upload ${this.id} meanwhile`
  }
}

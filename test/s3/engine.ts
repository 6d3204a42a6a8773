/**
 * An S3 in memory, as strict or as strange as a test wants it. It outlives the layers that use it.
 */
import { S3Objects } from "effect-tus/s3"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"

export interface Rules {
  /** The smallest part that is not the last one, in bytes. 5 MiB by default. */
  readonly smallestPart?: number
  /** Whether all parts but the last need one size, and the last is no larger. */
  readonly equalParts?: boolean
  /** Whether ranges can be copied. They can by default. */
  readonly copies?: boolean
  /** What becomes of parts that `complete` does not list. They are dropped by default. */
  readonly unlisted?: "drop" | "refuse"
  /** Whether a completed upload may be completed again. */
  readonly completesAgain?: boolean
}

/**
 * What happens to a call. `Slow` and `Unreached`: nothing. `Lost`: nothing, and nobody knows. `Unanswered`: it takes
 * effect, and nobody knows. `Late`: nobody knows, and it takes effect after the calls of `settle`. `Twice`: it takes
 * effect, and once more then. `Stuck`, `StuckAfter`, `StuckLate`: it never ends, and takes no effect, or
 * effect now, or then.
 */
export type Fault =
  | "Slow"
  | "Unreached"
  | "Lost"
  | "Unanswered"
  | "Late"
  | "Twice"
  | "Stuck"
  | "StuckAfter"
  | "StuckLate"

interface StoredObject {
  readonly bytes: Uint8Array
  readonly metadata: Readonly<Record<string, string>>
  readonly modifiedAt: DateTime.Utc
}

interface StoredPart {
  readonly bytes: Uint8Array
  readonly etag: string
}

interface Upload {
  readonly key: string
  readonly parts: Map<number, StoredPart>
  readonly options: S3Objects.ObjectOptions | undefined
  readonly initiatedAt: DateTime.Utc
  isCompleted: boolean
}

/** A call, for counting and for faults. */
export interface Call {
  readonly verb: string
  readonly key: string
  readonly nth: number
}

type Act<A> = (now: DateTime.Utc) => A | S3Objects.S3Error

const fail = (reason: S3Objects.S3Error["reason"], operation: string, message: string = reason) =>
  new S3Objects.S3Error({ reason, operation, message })

export class Engine {
  readonly objects = new Map<string, StoredObject>()
  readonly uploads = new Map<string, Upload>()
  readonly calls: Array<Call> = []
  private readonly late: Array<() => void> = []
  private count = 0
  readonly rules: Rules

  constructor(rules: Rules = {}) {
    this.rules = rules
  }

  /** How many calls of a verb were made. */
  counted(verb: string): number {
    return this.calls.filter((call) => call.verb === verb).length
  }

  /** Multipart uploads under way. */
  get unfinished(): ReadonlyArray<string> {
    return [...this.uploads].filter(([, { isCompleted }]) => !isCompleted).map(([id]) => id)
  }

  /** Lets late calls arrive. */
  settle(): void {
    this.late.splice(0).forEach((arrive) => arrive())
  }

  /** Drops a multipart upload behind everybody's back. */
  abortAll(): void {
    this.uploads.clear()
  }

  put(key: string, bytes: Uint8Array, options?: S3Objects.ObjectOptions): Act<void> {
    const copy = Uint8Array.from(bytes)
    return (modifiedAt) => void this.objects.set(key, { bytes: copy, metadata: options?.metadata ?? {}, modifiedAt })
  }

  get(key: string, { end, start }: S3Objects.ByteRange): Act<Uint8Array> {
    return () => {
      const found = this.objects.get(key)
      return found === undefined
        ? fail("NoSuchKey", `get ${key}`)
        : found.bytes.length < end
        ? fail("Refused", `get ${key}`, "the range is not satisfiable")
        : found.bytes.slice(start, end)
    }
  }

  create(key: string, options?: S3Objects.ObjectOptions): Act<string> {
    return (initiatedAt) => {
      const id = `multipart-${++this.count}`
      this.uploads.set(id, { key, parts: new Map(), options, initiatedAt, isCompleted: false })
      return id
    }
  }

  part({ key, multipartId }: S3Objects.Multipart, number: number, bytes: Uint8Array): Act<string> {
    const copy = Uint8Array.from(bytes)
    const etag = `etag-${++this.count}`
    return () => {
      const upload = this.uploads.get(multipartId)
      if (upload === undefined || upload.isCompleted || upload.key !== key) {
        return fail("NoSuchUpload", `part ${number} of ${key}`)
      }
      upload.parts.set(number, { bytes: copy, etag })
      return etag
    }
  }

  copy(to: S3Objects.Multipart, number: number, source: S3Objects.ByteRange & { readonly key: string }): Act<string> {
    return (now) => {
      if (this.rules.copies === false) {
        return fail("Unsupported", `copy to ${to.key}`)
      }
      const bytes = this.get(source.key, source)(now)
      return bytes instanceof S3Objects.S3Error ? bytes : this.part(to, number, bytes)(now)
    }
  }

  complete({ key, multipartId }: S3Objects.Multipart, listed: ReadonlyArray<S3Objects.Part>): Act<void> {
    return (modifiedAt) => {
      const upload = this.uploads.get(multipartId)
      const operation = `complete ${key}`
      if (upload === undefined || upload.key !== key) {
        return fail("NoSuchUpload", operation)
      }
      if (upload.isCompleted) {
        return this.rules.completesAgain === true ? undefined : fail("NoSuchUpload", operation)
      }
      const parts = listed.map(({ etag, number }) => {
        const part = upload.parts.get(number)
        return part?.etag === etag ? part : undefined
      })
      const numbers = listed.map(({ number }) => number)
      const wrong = parts.some((part) => part === undefined)
        ? "InvalidPart"
        : listed.length === 0 || numbers.some((number, i) => number <= (numbers[i - 1] ?? 0) || number > 10_000)
        ? "InvalidPartOrder"
        : this.rules.unlisted === "refuse" && upload.parts.size > listed.length
        ? "InvalidPart: a part is not listed"
        : this.wrongSize(parts.map((part) => part?.bytes.length ?? 0))
      if (wrong !== undefined) {
        return fail("Refused", operation, wrong)
      }
      upload.isCompleted = true
      const bytes = Uint8Array.from(Buffer.concat(parts.flatMap((part) => part === undefined ? [] : [part.bytes])))
      return void this.objects.set(key, { bytes, metadata: upload.options?.metadata ?? {}, modifiedAt })
    }
  }

  private wrongSize(sizes: ReadonlyArray<number>): string | undefined {
    const smallest = this.rules.smallestPart ?? 5 * 1024 * 1024
    const before = sizes.slice(0, -1)
    const first = sizes[0] ?? 0
    return before.some((size) => size < smallest)
      ? "EntityTooSmall"
      : this.rules.equalParts === true && (before.some((size) => size !== first) || (sizes.at(-1) ?? 0) > first)
      ? "InvalidPart: all parts but the last need one size"
      : undefined
  }

  /**
   * The layer of one process. `fault` decides what happens to each call; it may wait.
   */
  layer(fault: (call: Call) => Effect.Effect<Fault | undefined> = () => Effect.succeed(undefined)) {
    const call = <A>(verb: string, key: string, act: Act<A>): Effect.Effect<A, S3Objects.S3Error> =>
      Effect.gen(this, function*() {
        const made = { verb, key, nth: this.calls.length + 1 }
        this.calls.push(made)
        const happens = yield* fault(made)
        const now = yield* DateTime.now
        const arrive = () => act(now)
        const operation = `${verb} ${key}`
        switch (happens) {
          case "Slow":
            return yield* fail("SlowDown", operation)
          case "Unreached":
            return yield* fail("Unreached", operation)
          case "Lost":
            return yield* fail("Unsure", operation)
          case "Unanswered":
            arrive()
            return yield* fail("Unsure", operation)
          case "Late":
            this.late.push(arrive)
            return yield* fail("Unsure", operation)
          case "Stuck":
            return yield* Effect.never
          case "StuckLate":
            this.late.push(arrive)
            return yield* Effect.never
          case "StuckAfter":
            arrive()
            return yield* Effect.never
          case "Twice":
            this.late.push(arrive)
        }
        const result = arrive()
        return result instanceof S3Objects.S3Error ? yield* result : result
      })

    return Layer.succeed(S3Objects.S3Objects, {
      bucket: "memory",
      put: (key, bytes, options) => Effect.suspend(() => call("put", key, this.put(key, bytes, options))),
      get: (key, range) =>
        Stream.flatMap(Stream.fromEffect(call("get", key, this.get(key, range))), (bytes) => {
          const middle = Math.ceil(bytes.length / 2)
          return Stream.make(bytes.subarray(0, middle), bytes.subarray(middle))
        }),
      head: (key) =>
        call("head", key, () =>
          Option.map(Option.fromNullable(this.objects.get(key)), ({ bytes, metadata }) => ({
            size: bytes.length,
            metadata
          }))),
      remove: (key) => call("remove", key, () => void this.objects.delete(key)),
      list: ({ after = "", prefix }) =>
        call("list", prefix, () =>
          [...this.objects].filter(([key]) => key.startsWith(prefix) && key > after)
            .toSorted(([a], [b]) => a < b ? -1 : 1).slice(0, 1000)
            .map(([key, { bytes, modifiedAt }]) => ({ key, size: bytes.length, modifiedAt }))),
      createMultipart: (key, options) => Effect.suspend(() => call("create", key, this.create(key, options))),
      uploadPart: (to, number, bytes) => Effect.suspend(() => call("part", to.key, this.part(to, number, bytes))),
      copyPart: (to, number, source) => Effect.suspend(() => call("copy", to.key, this.copy(to, number, source))),
      complete: (upload, parts) => call("complete", upload.key, this.complete(upload, parts)),
      abort: ({ key, multipartId }) =>
        call("abort", key, () => {
          if (this.uploads.get(multipartId)?.isCompleted === false) {
            this.uploads.delete(multipartId)
          }
        }),
      parts: ({ key, multipartId }) =>
        call("parts", key, () => {
          const upload = this.uploads.get(multipartId)
          return upload === undefined || upload.isCompleted
            ? fail("NoSuchUpload", `parts of ${key}`)
            : [...upload.parts].toSorted(([a], [b]) => a - b)
              .map(([number, { bytes, etag }]) => ({ number, etag, size: bytes.length }))
        }),
      multiparts: (prefix) =>
        Stream.unwrap(
          Effect.map(
            call("multiparts", prefix, () =>
              [...this.uploads].filter(([, { isCompleted, key }]) =>
                !isCompleted && key.startsWith(prefix)
              )
                .map(([multipartId, { initiatedAt, key }]) => ({ key, multipartId, initiatedAt }))),
            Stream.fromIterable
          )
        ),
      abortRule: (prefix) => call("abortRule", prefix, () => Option.none()),
      presign: (key) => Effect.succeed(`memory:${key}`)
    })
  }
}

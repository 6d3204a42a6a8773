/**
 * A byte store for many servers, as it is behind their calls: it refuses what comes under a lower fence than it has
 * seen for an upload. Each method is one call, and takes effect at once.
 */
import { type Upload, UploadStoreError } from "effect-tus"
import * as Exit from "effect/Exit"

type Id = Upload.UploadId
type Failure = UploadStoreError.Superseded | UploadStoreError.UploadStoreError

/** Who writes: the fence of its lock, and which of its writes to this upload it is. */
export interface Writer {
  readonly fence: number
  readonly nth: number
}

interface Stored {
  /** Undefined for an upload that was removed. */
  readonly bytes: Buffer | undefined
  readonly writer: Writer
  readonly isSealed: boolean
  readonly isCondemned: boolean
  /** By the clock of the store, in milliseconds. */
  readonly writtenAt: number
}

export type Kind = "append" | "truncate" | "concat" | "seal" | "remove"

export interface Options {
  /** The clock of the store, in milliseconds. */
  readonly now: () => number
  readonly onChange: (id: Id) => void
  /** Whether it forgets the fences of what was removed. */
  readonly forgets: boolean
  /** Whether an upload has to be sealed before it is read. */
  readonly seals: boolean
  /** Calls that look at no fence. */
  readonly ignoresFence: (kind: Kind) => boolean
}

const nothing: Stored = {
  bytes: undefined,
  writer: { fence: 0, nth: 0 },
  isSealed: false,
  isCondemned: false,
  writtenAt: 0
}

export class SharedBytes {
  private readonly stored = new Map<Id, Stored>()
  /** What was set aside. */
  readonly aside = new Map<string, { readonly id: Id; readonly bytes: Buffer; readonly since: number }>()
  private readonly options: Options

  constructor(options: Options) {
    this.options = options
  }

  get ids(): ReadonlyArray<Id> {
    return Array.from(this.stored).flatMap(([id, { bytes }]) => bytes === undefined ? [] : [id])
  }

  bytesOf(id: Id): Buffer | undefined {
    return this.stored.get(id)?.bytes
  }

  find(id: Id): Stored | undefined {
    const found = this.stored.get(id)
    return found?.bytes === undefined ? undefined : found
  }

  /** Whether it is one object of this size. */
  isSealed(id: Id, size: number): boolean {
    const found = this.find(id)
    return found?.isSealed === true && found.bytes?.length === size
  }

  /** Begins to write at an offset. What comes later of an earlier writer is refused. */
  begin(id: Id, at: number, writer: Writer): Exit.Exit<void, Failure> {
    return this.change(
      id,
      "append",
      writer,
      ({ bytes = Buffer.alloc(0) }) =>
        bytes.length < at
          ? corrupt(`write ${id} at ${at}`)
          : Exit.succeed({ bytes: bytes.subarray(0, at), isSealed: false })
    )
  }

  /** Writes a piece of what `begin` has begun. A piece that is there already is the same. */
  record(id: Id, at: number, piece: Uint8Array, writer: Writer): Exit.Exit<void, Failure> {
    const current = this.stored.get(id)?.writer
    const isBegun = current?.fence === writer.fence && current.nth === writer.nth
    return !isBegun && !this.options.ignoresFence("append")
      ? superseded(id)
      : this.change(id, "append", writer, ({ bytes = Buffer.alloc(0) }) =>
        bytes.length < at
          ? corrupt(`write ${id} at ${at}`)
          : isBegun && at + piece.length <= bytes.length
          ? Exit.succeed({ bytes })
          : Exit.succeed({ bytes: Buffer.concat([bytes.subarray(0, at), piece]) }))
  }

  truncate(id: Id, at: number, writer: Writer): Exit.Exit<void, Failure> {
    return this.find(id) === undefined
      ? Exit.void
      : this.change(id, "truncate", writer, ({ bytes }) => Exit.succeed({ bytes: bytes?.subarray(0, at) }))
  }

  concat(
    id: Id,
    parts: ReadonlyArray<{ readonly id: Id; readonly length: number }>,
    writer: Writer
  ): Exit.Exit<void, Failure> {
    const found = parts.map((part) => this.readable(part.id)?.subarray(0, part.length))
    const lacking = found.findIndex((bytes, i) => bytes?.length !== parts[i]?.length)
    return lacking >= 0
      ? corrupt(`join ${parts[lacking]?.id} to ${id}`)
      : this.change(
        id,
        "concat",
        writer,
        () => Exit.succeed({ bytes: Buffer.concat(found.map((bytes) => bytes ?? Buffer.alloc(0))), isSealed: false })
      )
  }

  seal(id: Id, length: number, writer: Writer): Exit.Exit<void, Failure> {
    return this.change(id, "seal", writer, ({ bytes }) =>
      bytes === undefined || bytes.length < length
        ? corrupt(`seal ${id}`)
        : Exit.succeed({ bytes: bytes.subarray(0, length), isSealed: true }))
  }

  remove(id: Id, writer: Writer): Exit.Exit<void, Failure> {
    return this.change(id, "remove", writer, () => Exit.succeed({ bytes: undefined, isSealed: false }))
  }

  mark(id: Id, isCondemned: boolean): void {
    const found = this.find(id)
    if (found !== undefined) {
      this.stored.set(id, { ...found, isCondemned })
    }
  }

  /** The bytes that can be read. */
  readable(id: Id): Buffer | undefined {
    const found = this.find(id)
    return this.options.seals && found?.isSealed !== true ? undefined : found?.bytes
  }

  /** Moves the bytes of an upload to the orphans; returns the name of the orphan. */
  setAside(id: Id, since: number): string | undefined {
    const found = this.find(id)
    if (found?.bytes === undefined) {
      return undefined
    }
    const name = `${id}.${this.aside.size + 1}`
    this.aside.set(name, { id, bytes: found.bytes, since })
    this.stored.set(id, { ...found, bytes: undefined, isSealed: false, isCondemned: false })
    this.options.onChange(id)
    return name
  }

  private change(
    id: Id,
    kind: Kind,
    writer: Writer,
    next: (found: Stored) => Exit.Exit<Pick<Stored, "bytes"> & Partial<Stored>, Failure>
  ): Exit.Exit<void, Failure> {
    const found = this.stored.get(id) ?? nothing
    if (isBefore(writer, found.writer) && !this.options.ignoresFence(kind)) {
      return superseded(id)
    }
    return Exit.map(next(found), (changed) => {
      if (changed.bytes === undefined && this.options.forgets) {
        this.stored.delete(id)
      } else {
        this.stored.set(id, {
          ...found,
          isCondemned: found.isCondemned && changed.bytes !== undefined,
          ...changed,
          writer,
          writtenAt: this.options.now()
        })
      }
      this.options.onChange(id)
    })
  }
}

const isBefore = (writer: Writer, last: Writer) =>
  writer.fence < last.fence || (writer.fence === last.fence && writer.nth < last.nth)

const corrupt = (operation: string) =>
  Exit.fail(new UploadStoreError.UploadStoreError({ reason: "Corrupt", operation }))

const superseded = (id: Id) => Exit.fail(new UploadStoreError.Superseded({ id }))

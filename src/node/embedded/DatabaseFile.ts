/**
 * The file of the database, kept open beside SQLite, which does not notice that somebody cuts it off: it goes on with
 * the pages that it has in memory, and what is acknowledged then is lost with the process.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Fs from "node:fs"
import { UploadStoreError } from "../../store/UploadStoreError.js"
import * as NodeFs from "../files/NodeFs.js"
import * as Writable from "./Writable.js"

/** The open file of a database. */
export class DatabaseFile extends Context.Tag("effect-tus/DatabaseFile")<DatabaseFile, {
  /**
   * Whether it has become shorter than its header says. On a full disk it may not have become as long as its header
   * says, which does no harm: the rest is in the write-ahead log.
   */
  readonly isCut: Effect.Effect<boolean, UploadStoreError>
}>() {}

export interface Options {
  /** Of the database. */
  readonly path: string
  /** The mode of a new file. */
  readonly permissions: NodeFs.Permissions
}

const headerSize = 100
const magic = Buffer.from("SQLite format 3\0")

/**
 * The sizes that the header of a database file tells, in bytes.
 *
 * @see https://www.sqlite.org/fileformat.html#the_database_header
 */
export const sizesOf = (header: Uint8Array) => {
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const page = view.getUint16(16) === 1 ? 65536 : view.getUint16(16)
  return { page, whole: page * view.getUint32(28) }
}

/** Why SQLite would fail with such a file, or take it for a new one; undefined if it would not. */
export const damageOf = (header: Uint8Array, size: number): string | undefined => {
  if (size === 0) {
    return undefined
  }
  if (!magic.subarray(0, header.length).equals(header.subarray(0, magic.length))) {
    return "it is no SQLite database"
  }
  if (header.length < headerSize) {
    return `it was cut off after ${size} bytes`
  }
  const { page, whole } = sizesOf(header)
  return size % page === 0 && size >= whole ? undefined : `it was cut off after ${size} of ${whole} bytes`
}

/**
 * Creates the file if it is missing, with the mode that SQLite gives to its other files, too. Fails if this process
 * cannot write it, or if it is damaged. As long as there is a write-ahead log, SQLite repairs the file from it.
 *
 * It is closed after the connections of SQLite: closing it releases the locks of this process on it.
 */
export const layer = ({ path, permissions }: Options): Layer.Layer<DatabaseFile, UploadStoreError> =>
  Layer.scoped(
    DatabaseFile,
    Effect.gen(function*() {
      yield* NodeFs.make(path, permissions)
      yield* Effect.forEach(["", "-wal", "-shm"], (ending) => Writable.check(path + ending), { discard: true })
      const file = yield* NodeFs.openScoped(path, "r")
      const { header, size } = yield* look(file)
      const damage = damageOf(header, size)
      if (damage !== undefined && !(yield* hasLog(path))) {
        return yield* new UploadStoreError({
          reason: "Corrupt",
          operation: `open ${path}`,
          cause: new Error(`${damage}; restore a backup of it`)
        })
      }
      let last = size
      return DatabaseFile.of({
        isCut: Effect.map(look(file), ({ header, size }) => {
          const isShorter = size < last
          last = size
          return isShorter && (header.length < headerSize || size < sizesOf(header).whole)
        })
      })
    })
  )

/** The header and the size as of one moment. SQLite writes the file in this thread, and both are in memory. */
const look = ({ fd, path }: NodeFs.File) =>
  Effect.try({
    try: () => {
      const header = new Uint8Array(headerSize)
      const length = Fs.readSync(fd, header, 0, headerSize, 0)
      return { header: header.subarray(0, length), size: Fs.fstatSync(fd).size }
    },
    catch: (cause) => new UploadStoreError({ reason: "Read", operation: `read ${path}`, cause })
  })

const hasLog = (path: string) =>
  Effect.catchIf(
    Effect.map(NodeFs.sizeOf(`${path}-wal`), (size) => size > 0),
    NodeFs.isAbsent,
    () => Effect.succeed(false)
  )

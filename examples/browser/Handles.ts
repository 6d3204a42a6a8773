/**
 * The files of the list, kept in IndexedDB. If the browser supports file handles, one click after a reload is enough;
 * else the names are kept. Uploads go on if IndexedDB fails.
 *
 * @see https://developer.mozilla.org/en-US/docs/Web/API/FileSystemFileHandle
 */
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

/** Missing in TypeScript's types. */
export interface FileHandle extends FileSystemFileHandle {
  readonly requestPermission?: (options: { readonly mode: "read" }) => Promise<PermissionState>
}
export type FolderHandle = FileSystemDirectoryHandle
export type Handle = FileHandle | FolderHandle
export interface Item extends DataTransferItem {
  readonly getAsFileSystemHandle?: () => Promise<Handle | null | undefined>
}
export interface Picking {
  readonly showOpenFilePicker?: (options: { readonly multiple: boolean }) => Promise<ReadonlyArray<FileHandle>>
}

export interface Kept {
  readonly key: string
  readonly name: string
  readonly size: number
  readonly modified: number
  readonly handle?: FileHandle | undefined
}

const store = "files"

export const keep = (file: File, handle: Option.Option<FileHandle>): Effect.Effect<Kept> => {
  const kept: Kept = {
    key: `${file.lastModified} ${file.size} ${file.name}`,
    name: file.name,
    size: file.size,
    modified: file.lastModified,
    handle: Option.getOrUndefined(handle)
  }
  return Effect.as(request("readwrite", (files) => files.put(kept)), kept)
}

export const forget = ({ key }: Kept): Effect.Effect<void> =>
  Effect.asVoid(request("readwrite", (files) => files.delete(key)))

/** The files of earlier visits. */
export const all: Effect.Effect<ReadonlyArray<Kept>> = Effect.suspend(() =>
  Effect.map(request<Array<Kept>>("readonly", (files) => files.getAll()), Option.getOrElse(() => []))
)

/** Reads the file of a handle. The user may have to allow it, so this must be called by a click. */
export const open = (handle: FileHandle): Effect.Effect<Option.Option<File>> =>
  Effect.option(Effect.tryPromise(async () => {
    const answer = (await handle.requestPermission?.({ mode: "read" })) ?? "granted"
    if (answer !== "granted") {
      throw new Error("the browser does not allow the page to read it")
    }
    return handle.getFile()
  }))

/** Undefined if the browser stores nothing, as in a private window. */
const request = <A>(
  mode: IDBTransactionMode,
  ask: (files: IDBObjectStore) => IDBRequest<A>
): Effect.Effect<Option.Option<A>> =>
  Effect.option(Effect.tryPromise(async () => {
    const opening = indexedDB.open("effect-tus-page", 1)
    opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(store, { keyPath: "key" }))
    const database = await answer(opening)
    try {
      return await answer(ask(database.transaction(store, mode).objectStore(store)))
    } finally {
      database.close()
    }
  }))

const answer = <A>(request: IDBRequest<A>) =>
  new Promise<A>((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result))
    request.addEventListener("error", () => reject(request.error ?? new Error("IndexedDB has failed")))
  })

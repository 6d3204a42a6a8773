/**
 * The name of an upload's file. Ids are case-sensitive, but not every file system is: there, the name also encodes
 * which letters are capitals. Ids that this server makes have no capitals, and the same name everywhere.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { UploadId } from "../../protocol/Upload.js"

export interface FileNames {
  /** The folder of an upload, and the name of its file in the folder. */
  readonly of: (id: UploadId) => readonly [shard: string, name: string]
  /** The upload of a file; `Option.none` if it belongs to none. */
  readonly idOf: (shard: string, name: string) => Option.Option<UploadId>
}

export const isUploadId = Schema.is(UploadId)

export const isShard = (name: string): boolean => /^[A-Za-z0-9_-]{2}$/.test(name)

/** For a case-sensitive file system. */
export const plain: FileNames = {
  of: (id) => [id.slice(-2), id],
  idOf: (shard, name) => Option.filter(Option.liftPredicate(isUploadId)(name), (id) => id.slice(-2) === shard)
}

/**
 * For a case-insensitive file system: an id with capitals becomes lower case, with a dot and a bit mask of its capitals
 * in hex; the lowest bit is the last letter. No id contains a dot. Device names of Windows, such as `con`, are shorter
 * than any id.
 */
export const folded: FileNames = {
  of: (id) => {
    const small = id.toLowerCase()
    return [small.slice(-2), small === id ? id : `${small}.${capitalsOf(id).toString(16)}`]
  },
  idOf: (shard, name) => {
    const [, small = "", capitals = "0"] = /^([^.]*)(?:\.([0-9a-f]+))?$/.exec(name) ?? []
    return Option.filter(Option.liftPredicate(isUploadId)(raise(small, BigInt(`0x${capitals}`))), (id) => {
      const [itsShard, itsName] = folded.of(id)
      return itsShard === shard && itsName === name
    })
  }
}

const capitalsOf = (id: string): bigint =>
  Array.from(id).reduce((bits, letter) => (bits << 1n) | (/[A-Z]/.test(letter) ? 1n : 0n), 0n)

const raise = (small: string, capitals: bigint): string =>
  Array.from(small, (letter, i) => (capitals >> BigInt(small.length - 1 - i)) & 1n ? letter.toUpperCase() : letter)
    .join("")

/**
 * What the file of an upload is called. An id tells capitals from small letters, as not every file system does: there,
 * its name says which are which. The ids that this server makes have no capitals, and are called the same everywhere.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { UploadId } from "../../protocol/Upload.js"

export interface FileNames {
  /** The folder of an upload, and its file in it. */
  readonly of: (id: UploadId) => readonly [shard: string, name: string]
  /** Whose file this is; none where it is nobody's. */
  readonly idOf: (shard: string, name: string) => Option.Option<UploadId>
}

export const isUploadId = Schema.is(UploadId)

export const isShard = (name: string): boolean => /^[A-Za-z0-9_-]{2}$/.test(name)

/** Where capitals are told from small letters. */
export const plain: FileNames = {
  of: (id) => [id.slice(-2), id],
  idOf: (shard, name) => Option.filter(Option.liftPredicate(isUploadId)(name), (id) => id.slice(-2) === shard)
}

/**
 * Where they are not: an id with capitals is written in small letters, with a bit behind it for each, in hex, from the
 * last one on. No id contains a dot. What Windows keeps for devices, such as `con`, is shorter than any id.
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

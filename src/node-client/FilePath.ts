/**
 * Paths as text from which their bytes can be restored. On Linux a file name is any bytes. Bytes that are not UTF-8
 * become lone surrogates, U+DC80 to U+DCFF for the bytes 80 to FF, which no other name contains. Wherever such a text
 * is encoded, they become U+FFFD. Pure.
 *
 * @see https://peps.python.org/pep-0383/
 */
import { Buffer } from "node:buffer"
import { sep } from "node:path"

/**
 * A character of several bytes, by table 3-7 of the Unicode standard, or else a single byte. The input has one UTF-16
 * unit for each byte.
 */
const character =
  /([\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})|[\x80-\xff]/g

/** The path that these bytes encode. */
export const fromBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("latin1").replace(character, (bytes, valid: string | undefined) =>
    valid === undefined
      ? String.fromCharCode(0xdc00 + bytes.charCodeAt(0))
      : Buffer.from(valid, "latin1").toString("utf8"))

/** File names of Windows are text. */
const areBytes = sep === "/"

/** The path for the system: the text, or its bytes if it has escaped ones. */
export const toSystem = (path: string): string | Buffer =>
  areBytes && escaped.test(path)
    ? Buffer.concat(
      path.split(escaped).map((piece, i) =>
        // `split` with a group returns the escaped bytes at the odd places.
        i % 2 === 1 ? Buffer.of(piece.charCodeAt(0) - 0xdc00) : Buffer.from(piece)
      )
    )
    : path

/** The flag `u` makes this match lone surrogates only. */
const escaped = /([\udc80-\udcff])/u

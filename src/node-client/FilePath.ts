/**
 * Paths as text that leads back to their bytes. On Linux a name is any bytes; those that are no UTF-8 stand in the text
 * as lone surrogates, U+DC80 to U+DCFF for the bytes 80 to FF, which no other name has. Wherever such a text is written
 * they become U+FFFD. Pure.
 *
 * @see https://peps.python.org/pep-0383/
 */
import { Buffer } from "node:buffer"
import { sep } from "node:path"

/** Of several bytes, by table 3-7 of the Unicode standard; each byte as a character. */
const character =
  /([\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2})|[\x80-\xff]/g

/** The path that these bytes are. */
export const fromBytes = (bytes: Uint8Array): string =>
  Buffer.from(bytes).toString("latin1").replace(character, (bytes, valid: string | undefined) =>
    valid === undefined
      ? String.fromCharCode(0xdc00 + bytes.charCodeAt(0))
      : Buffer.from(valid, "latin1").toString("utf8"))

/** The names of Windows are text. */
const areBytes = sep === "/"

/** What the system calls it: the text, where that says all. */
export const toSystem = (path: string): string | Buffer =>
  areBytes && escaped.test(path)
    ? Buffer.concat(
      path.split(escaped).map((piece, i) =>
        // Every second is one that was escaped.
        i % 2 === 1 ? Buffer.of(piece.charCodeAt(0) - 0xdc00) : Buffer.from(piece)
      )
    )
    : path

/** Found by `u` only where it stands alone. */
const escaped = /([\udc80-\udcff])/u

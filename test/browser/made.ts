/**
 * Files that are made up, the same each time: in a page as well as here.
 */

export interface Made {
  /** In bytes. */
  readonly size: number
  /** The byte there is another. */
  readonly changedAt?: number | undefined
}

export const bytesOf = (size: number, changedAt?: number) => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    bytes[i] = (i * 31 + (i >> 8)) % 251
  }
  if (changedAt !== undefined) {
    bytes[changedAt] = 255
  }
  return bytes
}

/** Whatever is in it, it has one name and one date. */
export const madeUp = ({ changedAt, size }: Made) =>
  new File([bytesOf(size, changedAt)], "made-up.bin", { lastModified: 1_700_000_000_000 })

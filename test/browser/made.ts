/**
 * Generated files, the same in a page as in the test.
 */

export interface Made {
  /** In bytes. */
  readonly size: number
  /** The byte at this position is another one. */
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

/** All files have the same name and date. */
export const madeUp = ({ changedAt, size }: Made) =>
  new File([bytesOf(size, changedAt)], "made-up.bin", { lastModified: 1_700_000_000_000 })

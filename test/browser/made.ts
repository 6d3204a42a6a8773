/**
 * Files that are made up, the same each time: in a page as well as here.
 */

export const bytesOf = (size: number) => {
  const bytes = new Uint8Array(size)
  for (let i = 0; i < size; i++) {
    bytes[i] = (i * 31 + (i >> 8)) % 251
  }
  return bytes
}

export const madeUp = (size: number) => new File([bytesOf(size)], "made-up.bin", { lastModified: 1_700_000_000_000 })

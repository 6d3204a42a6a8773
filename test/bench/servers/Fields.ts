/**
 * The header fields of this package's answers. The floors send them, too: what a field costs is not what is compared.
 * `../SameFields.ts` refuses to measure a floor that has others.
 */
const version = { "tus-resumable": "1.0.0" }

export const options = {
  ...version,
  "tus-version": "1.0.0",
  "tus-extension": "creation,creation-with-upload,creation-defer-length,checksum,checksum-trailer,termination,"
    + "concatenation,concatenation-unfinished",
  "tus-checksum-algorithm": "sha1,md5,sha256,sha512,crc32,crc32c"
}

export const head = (offset: number, length: number) => ({
  "tus-resumable": "1.0.0",
  "upload-offset": offset,
  "upload-length": length,
  "cache-control": "no-store"
})

export const created = (id: string) => ({
  "tus-resumable": "1.0.0",
  "location": `/files/${id}`,
  "content-length": 0
})

export const createdWith = (id: string, offset: number) => ({
  "tus-resumable": "1.0.0",
  "location": `/files/${id}`,
  "upload-offset": offset,
  "content-length": 0
})

export const patched = (offset: number) => ({ "tus-resumable": "1.0.0", "upload-offset": offset })

export const removed = version

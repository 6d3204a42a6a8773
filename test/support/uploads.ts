import { Upload } from "effect-tus"

/** The id at the end of the path or URL of an upload. */
export const idOf = (url: string): Upload.UploadId => Upload.UploadId.make(url.split("/").at(-1) ?? "")

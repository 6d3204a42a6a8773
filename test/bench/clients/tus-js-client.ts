/**
 * The official client on Node, with files as streams as its manual sets them up.
 */
import { createReadStream, statSync } from "node:fs"
import { Upload } from "tus-js-client"
import { concurrency, endpoint, files, report } from "./report.js"

const upload = (path: string) =>
  new Promise<unknown>((resolve, reject) => {
    const { size } = statSync(path)
    new Upload(createReadStream(path), {
      endpoint,
      uploadSize: size,
      uploadDataDuringCreation: size <= 1024 * 1024,
      onSuccess: resolve,
      onError: reject
    }).start()
  })

await report(() =>
  Promise.all(Array.from({ length: concurrency }, async () => {
    for (let path = files.pop(); path !== undefined; path = files.pop()) {
      await upload(path)
    }
  }))
)

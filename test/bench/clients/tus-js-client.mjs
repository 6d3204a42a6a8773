/**
 * The official client on Node, with files as streams as its manual sets them up.
 */
import { createReadStream, statSync } from "node:fs"
import { Upload } from "tus-js-client"
import { report } from "./report.mjs"

const { concurrency, endpoint, files } = JSON.parse(process.argv[2])

const upload = (path) =>
  new Promise((resolve, reject) => {
    const { size } = statSync(path)
    new Upload(createReadStream(path), {
      endpoint,
      uploadSize: size,
      uploadDataDuringCreation: size <= 1024 * 1024,
      onSuccess: resolve,
      onError: reject
    }).start()
  })

const left = [...files]
await report(() =>
  Promise.all(Array.from({ length: concurrency }, async () => {
    for (let path = left.pop(); path !== undefined; path = left.pop()) {
      await upload(path)
    }
  }))
)

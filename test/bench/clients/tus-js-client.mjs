/**
 * The official client on Node, with files as streams as its manual sets them up.
 */
import { createReadStream, readdirSync, statSync } from "node:fs"
import { join } from "node:path"
import { Upload } from "tus-js-client"
import { report } from "./report.mjs"

const { concurrency, directory, endpoint } = JSON.parse(process.argv[2])
const files = readdirSync(directory).map((name) => join(directory, name))

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

await report(() =>
  Promise.all(Array.from({ length: concurrency }, async () => {
    for (let path = files.pop(); path !== undefined; path = files.pop()) {
      await upload(path)
    }
  }))
)

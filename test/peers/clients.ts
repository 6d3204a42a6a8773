/**
 * The script of a page that uploads with other clients: by itself, or when a user asks for it in the Dashboard of Uppy.
 */
import Uppy from "@uppy/core"
import Dashboard from "@uppy/dashboard"
import Tus from "@uppy/tus"
import * as tus from "tus-js-client"
import { madeUp } from "../browser/made.js"

const retryDelays = Array.from({ length: 40 }, () => 500)

export interface Asked {
  readonly endpoint: string
  readonly size: number
}

/** Resolves to the URL of the upload. */
const withTusJsClient = ({ endpoint, size }: Asked) =>
  new Promise<string>((resolve, reject) => {
    const upload: tus.Upload = new tus.Upload(madeUp({ size }), {
      endpoint,
      retryDelays,
      metadata: { filename: "made-up.bin" },
      onError: reject,
      onSuccess: () => resolve(upload.url ?? "")
    })
    upload.start()
  })

/** Shows the Dashboard. Resolves to the URL of the upload after the user has chosen a file and started it. */
const withUppy = (endpoint: string) =>
  new Promise<string>((resolve, reject) => {
    new Uppy()
      .use(Dashboard, { inline: true, target: document.body })
      .use(Tus, { endpoint, retryDelays })
      .on("upload-success", (_, { uploadURL }) => resolve(uploadURL ?? ""))
      .on("upload-error", (_, error) => reject(error))
  })

Object.assign(globalThis, { withTusJsClient, withUppy })

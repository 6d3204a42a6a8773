/**
 * How the page is built: `npm start` does it, `npx vite examples/browser` serves it while it is changed.
 */
import { fileURLToPath } from "node:url"
import { gzipSync } from "node:zlib"
import { defineConfig, type Plugin } from "vite"

const source = fileURLToPath(new URL("../../src", import.meta.url))

/** Writes a compressed copy beside each file. */
const compressed: Plugin = {
  name: "compressed",
  apply: "build",
  generateBundle: {
    order: "post",
    handler(_, files) {
      for (const file of Object.values(files)) {
        const content = file.type === "chunk" ? file.code : file.source
        this.emitFile({ type: "asset", fileName: `${file.fileName}.gz`, source: gzipSync(content) })
      }
    }
  }
}

export default defineConfig({
  plugins: [compressed],
  // The sources of this repository. An application with the installed package does not need this.
  resolve: { alias: [{ find: /^effect-tus\/(.*)$/, replacement: `${source}/$1/index.ts` }] },
  // Not minified, so that it can be read in the browser, and each start builds it fast.
  build: { target: "es2022", modulePreload: false, minify: false },
  // For `npx vite`: requests of the page go to the server of `npm start`.
  server: { proxy: { "/files": "http://127.0.0.1:1080" } }
})

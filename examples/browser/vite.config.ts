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
  // Here the library is what lies beside the examples; where it is installed, this is not needed.
  resolve: { alias: [{ find: /^effect-tus\/(.*)$/, replacement: `${source}/$1/index.ts` }] },
  // Built at each start, and to be read with the tools of the browser.
  build: { target: "es2022", modulePreload: false, minify: false },
  // A server of its own for uploads while the page is changed: `npm start`.
  server: { proxy: { "/files": "http://127.0.0.1:1080" } }
})

/**
 * The rows of `examples/migrating.md` about the Python package `resumable-upload`.
 */
import { beforeRows } from "./python/before.js"
import { clientRows } from "./python/client.js"
import { errorsRows } from "./python/errors.js"
import { serverRows } from "./python/server.js"
import { storageRows } from "./python/storage.js"
import { uploaderRows } from "./python/uploader.js"
import { suite } from "./tables.js"

suite(
  "From resumable-upload (Python)",
  {
    ...serverRows,
    ...storageRows,
    ...clientRows,
    ...uploaderRows,
    ...errorsRows,
    ...beforeRows
  },
  "openssl",
  "SQLite"
)

/**
 * Loaded first, by `--import`: in this process better-sqlite3 cannot be loaded, as if it had been built for another
 * runtime.
 */
const { dlopen } = process

process.dlopen = (module, filename, ...rest) => {
  if (filename.includes("better_sqlite3")) {
    throw new Error(`The module '${filename}'\nwas compiled against a different Node.js version. Please rebuild it.`)
  }
  return dlopen.call(process, module, filename, ...rest)
}

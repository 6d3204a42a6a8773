export default {
  // What is native stays outside of the bundle.
  serverExternalPackages: ["@node-rs/crc32", "better-sqlite3"],
  typescript: { ignoreBuildErrors: true }
}

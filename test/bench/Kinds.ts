/**
 * Who is measured: this package's server under the names of its durabilities, and what it is compared with.
 */
export interface Kind {
  readonly name: string
  readonly script: "effect-tus" | "tus-server" | "inline" | "files" | "listener"
  /** What an answer promises; `none` of a server that promises nothing, or has nothing to promise. */
  readonly durability: "none" | "process" | "completion" | "always"
  /** Where small uploads stay; files by default. */
  readonly smallUploads?: "database"
  /** How many uploads are stored before anything is measured. */
  readonly stored?: number
  /** The client that is measured, on this server. */
  readonly client?: "effect-tus" | "tus-js-client"
}

export const kinds: ReadonlyArray<Kind> = [
  { name: "process", script: "effect-tus", durability: "process" },
  { name: "completion", script: "effect-tus", durability: "completion" },
  { name: "always", script: "effect-tus", durability: "always" },
  { name: "database", script: "effect-tus", durability: "always", smallUploads: "database" },
  { name: "million", script: "effect-tus", durability: "process", stored: 1_000_000 },
  { name: "@tus/server", script: "tus-server", durability: "none" },
  { name: "bare listener", script: "listener", durability: "none" },
  { name: "inline floor", script: "inline", durability: "process" },
  { name: "inline floor, synced", script: "inline", durability: "always" },
  { name: "file floor", script: "files", durability: "none" },
  { name: "file floor, kept", script: "files", durability: "process" },
  { name: "file floor, synced", script: "files", durability: "completion" },
  { name: "client", script: "effect-tus", durability: "process", client: "effect-tus" },
  { name: "tus-js-client", script: "effect-tus", durability: "process", client: "tus-js-client" },
  { name: "client to @tus/server", script: "tus-server", durability: "none", client: "effect-tus" },
  { name: "tus-js-client to @tus/server", script: "tus-server", durability: "none", client: "tus-js-client" }
]

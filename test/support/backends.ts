/**
 * The backends that must pass the contract suites, by name. `BACKENDS=memory,sqlite` chooses some of them.
 */
import { ByteStore, RegistryCache, UploadLock, UploadRegistry } from "effect-tus"
import { SqlUploadRegistry } from "effect-tus/sql"
import * as Layer from "effect/Layer"
import { layerTemporary as files } from "../node/temporary.js"
import { layerTemporary as database } from "../sql/database.js"
import { needs } from "./needs.js"
import { layerTemporary as postgres } from "./postgres.js"
import type { Name } from "./tools.js"

interface Backend {
  readonly needs?: ReadonlyArray<Name>
  readonly bytes?: Layer.Layer<ByteStore.ByteStore, unknown>
  readonly lock?: Layer.Layer<UploadLock.UploadLock, unknown, UploadRegistry.UploadRegistry>
  readonly registry?: Layer.Layer<UploadRegistry.UploadRegistry, unknown>
}

const sqlite = Layer.provide(SqlUploadRegistry.layer, database)

const backends: Readonly<Record<string, Backend>> = {
  memory: { bytes: ByteStore.layerMemory, lock: UploadLock.layerMemory, registry: UploadRegistry.layerMemory },
  files: { bytes: files },
  sqlite: { needs: ["SQLite"], registry: sqlite },
  postgres: { needs: ["PostgreSQL"], registry: Layer.provide(SqlUploadRegistry.layer, postgres) },
  cache: { needs: ["SQLite"], registry: Layer.provide(RegistryCache.layer({ capacity: 3 }), sqlite) }
}

/** Fails if a name is unknown: otherwise a typing error would choose nothing, and the run would pass. */
export const choose = (names = Object.keys(backends).join()): ReadonlyArray<readonly [string, Backend]> =>
  names.split(",").map((name) => {
    const backend = backends[name]
    if (backend === undefined) {
      throw new Error(`there is no backend ${name}: choose from ${Object.keys(backends).join(", ")}`)
    }
    return [name, backend]
  })

/** Runs a contract suite over every chosen backend that has this part. */
export const over = <Part extends "bytes" | "lock" | "registry">(
  part: Part,
  suite: (name: string, layer: NonNullable<Backend[Part]>) => void
): void => {
  for (const [name, backend] of choose(process.env.BACKENDS)) {
    const layer = backend[part]
    if (layer !== undefined) {
      needs(...(backend.needs ?? []))(name, () => suite(part, layer))
    }
  }
}

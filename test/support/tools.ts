/**
 * What some suites need besides Node and the packages of npm.
 */
import { spawnSync } from "node:child_process"
import { accessSync, constants, existsSync, mkdtempSync, readdirSync, readFileSync, rmdirSync } from "node:fs"
import { createRequire } from "node:module"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"

export interface Tool {
  readonly isThere: () => boolean
  /** How to install it. */
  readonly help: string
}

const runs = (command: string, ...args: ReadonlyArray<string>) => spawnSync(command, args).status === 0

const isExecutable = (path: string) => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const isInPath = (name: string) =>
  (process.env.PATH ?? "").split(delimiter).some((directory) => isExecutable(join(directory, name)))

const program = (name: string, aptPackage = name): Tool => ({
  isThere: () => isInPath(name),
  help: `apt-get install ${aptPackage}`
})

export const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium"

/** The directory of the programs of the newest PostgreSQL. Debian does not put it into the path. */
export const postgresPrograms = (): string | undefined => {
  const versions = "/usr/lib/postgresql"
  return (existsSync(versions) ? readdirSync(versions) : [])
    .toSorted((a, b) => Number(b) - Number(a))
    .map((version) => join(versions, version, "bin"))
    .find((programs) => isExecutable(join(programs, "postgres")))
}

export const pgbouncer = "/usr/sbin/pgbouncer"

const limits = "/proc/self/limits"

/** The hard limit, to which Node itself raises the soft limit. */
const mostDescriptors = () =>
  existsSync(limits) ? Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync(limits, "utf8"))?.[1] ?? Infinity) : 0

const mounts = () => {
  const path = mkdtempSync(join(tmpdir(), "effect-tus-mount-"))
  try {
    return runs("mount", "-t", "tmpfs", "tmpfs", path) && runs("umount", "-l", path)
  } finally {
    rmdirSync(path)
  }
}

const opensDatabase = () => {
  try {
    const Database = createRequire(import.meta.url)("better-sqlite3")
    new Database(":memory:").close()
    return true
  } catch {
    return process.getBuiltinModule("node:sqlite") !== undefined
  }
}

const all = {
  strace: { isThere: () => runs("strace", "-o", "/dev/null", "true"), help: "apt-get install strace" },
  chromium: { isThere: () => isExecutable(chromium), help: "apt-get install chromium" },
  nginx: program("nginx"),
  haproxy: program("haproxy"),
  caddy: program("caddy"),
  openssl: program("openssl"),
  curl: program("curl"),
  PostgreSQL: { isThere: () => postgresPrograms() !== undefined, help: "apt-get install postgresql" },
  Ceph: {
    isThere: () => ["ceph", "ceph-mon", "ceph-osd", "radosgw", "radosgw-admin"].every(isInPath),
    help: "RUNLEVEL=1 apt-get install --no-install-recommends ceph-mon ceph-osd ceph-common radosgw"
  },
  // Debian puts it into a directory that only root has in its path.
  pgbouncer: { isThere: () => isExecutable(pgbouncer), help: "apt-get install pgbouncer" },
  script: program("script", "bsdutils"),
  prlimit: program("prlimit", "util-linux"),
  descriptors: { isThere: () => mostDescriptors() >= 6000, help: "ulimit -Hn 6000" },
  mount: { isThere: mounts, help: "run as root" },
  "network namespaces": {
    // Without an argument the script only tests whether it can make a line.
    isThere: () => runs("unshare", "-rnm", "python3", "test/network/line.py"),
    help: "apt-get install iproute2 python3, on a system that allows them and has /dev/net/tun"
  },
  SQLite: {
    isThere: opensDatabase,
    help: "take Node 22.13 or later, or apt-get install g++ make python3 and npm run native"
  }
} satisfies Readonly<Record<string, Tool>>

export type Name = keyof typeof all

export const tools: Readonly<Record<Name, Tool>> = all

const known = new Map<Name, boolean>()

export const isThere = (name: Name): boolean => {
  const there = known.get(name) ?? tools[name].isThere()
  known.set(name, there)
  return there
}

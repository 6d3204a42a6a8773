/**
 * The import table: which folders of `src`, and which packages, a file may import. A folder may always import from
 * itself, and an `index.ts` exports what lies below it. Everything else is refused, so this table decides about new
 * imports between folders.
 */

/** Effect's data modules: no fibers, no services, no platform. */
const pure = [/^effect\/(?!Context$|Effect$|Layer$|Runtime$|Stream$|ManagedRuntime$)/]
const effect = [/^effect\//]
const platform = [...effect, /^@effect\/platform\//]
const sql = [...effect, /^@effect\/sql\//]
const node = [/^node:/]

export const table = {
  "protocol": { rooms: [], packages: pure },
  "wire": { rooms: ["protocol"], packages: [...pure, /^content-disposition$/] },
  "wire/tus": { rooms: ["protocol", "wire"], packages: pure },
  "time": { rooms: [], packages: effect },
  "bytes": { rooms: ["protocol"], packages: effect },
  "store": { rooms: ["protocol", "bytes", "time"], packages: effect },
  "sql": { rooms: ["protocol", "store"], packages: sql },
  "postgres": {
    rooms: ["protocol", "time", "store", "sql", "server/policy"],
    packages: [...sql, ...node, /^@effect\/experimental\//, /^@effect\/sql-pg\//, /^pg$/]
  },
  "s3": {
    rooms: ["protocol", "bytes", "time", "store", "sql", "server/policy"],
    packages: [...sql, ...node, /^@aws-sdk\/client-s3$/]
  },
  "server/policy": { rooms: ["protocol", "wire", "store"], packages: [...effect, /^ipaddr\.js$/] },
  "server/body": { rooms: ["protocol", "wire", "bytes", "store"], packages: effect },
  "server/hooks": {
    rooms: ["protocol", "wire", "bytes", "time", "store", "server/policy", "server/body"],
    packages: effect
  },
  "server/verbs": {
    rooms: ["protocol", "wire", "bytes", "time", "store", "server/policy", "server/body", "server/hooks"],
    packages: effect
  },
  "server": {
    rooms: ["protocol", "bytes", "time", "store", "server/policy", "server/body", "server/hooks", "server/verbs"],
    packages: effect
  },
  "server/doors": {
    rooms: [
      "protocol",
      "wire",
      "wire/tus",
      "time",
      "store",
      "server",
      "server/policy",
      "server/body",
      "server/hooks",
      "server/verbs"
    ],
    packages: platform
  },
  "server/operations": {
    rooms: [
      "protocol",
      "bytes",
      "time",
      "store",
      "server",
      "server/policy",
      "server/body",
      "server/hooks",
      "server/verbs"
    ],
    packages: platform
  },
  "node-shared": { rooms: ["protocol", "bytes"], packages: [...effect, ...node, /^@node-rs\/crc32$/] },
  "node/files": { rooms: ["protocol", "bytes", "time", "store"], packages: [...effect, ...node] },
  "node/embedded": {
    rooms: ["store", "sql", "server/policy", "server/hooks", "node/files"],
    packages: [...sql, ...node, /^@effect\/experimental\//, /^@effect\/sql-sqlite-node\//]
  },
  "node/http": {
    rooms: ["wire", "wire/tus", "time", "server", "server/policy", "server/body", "server/doors", "node-shared"],
    packages: [...effect, ...node]
  },
  "node": {
    rooms: ["wire/tus", "store", "server", "server/policy", "server/hooks", "server/operations", "node-shared", "node/embedded", "node/http"],
    packages: [...effect, ...node]
  },
  "cluster": {
    rooms: ["store", "sql", "postgres", "server", "server/policy", "server/hooks", "server/operations", "node-shared"],
    packages: sql
  },
  "client/sources": { rooms: ["bytes"], packages: platform },
  "client/transport": { rooms: ["wire", "bytes", "time", "client/sources"], packages: platform },
  "client/journal": { rooms: ["protocol", "bytes", "client/sources", "client/transport"], packages: platform },
  "client/requests": {
    rooms: ["protocol", "wire", "wire/tus", "bytes", "time", "client/sources", "client/transport"],
    packages: effect
  },
  "client/upload": {
    rooms: ["protocol", "wire", "wire/tus", "time", "client/sources", "client/transport", "client/journal", "client/requests"],
    packages: effect
  },
  "node-client": {
    rooms: ["wire", "bytes", "node-shared", "client/sources", "client/transport", "client/requests"],
    packages: [...effect, ...node, /^proxy-from-env$/]
  },
  "browser-client": {
    rooms: ["protocol", "wire", "bytes", "client/transport", "client/journal", "client/requests"],
    packages: [...effect, /^@noble\/hashes\//]
  },
  "testing": { rooms: ["protocol", "store"], packages: effect },
  "testing/orphans": { rooms: ["protocol", "store", "testing"], packages: [...effect, /^@effect\/vitest/] },
  "testing/bytes": {
    rooms: ["protocol", "bytes", "store", "testing", "testing/orphans"],
    packages: [...effect, /^@effect\/vitest/]
  },
  "testing/lock": { rooms: ["protocol", "store", "testing", "testing/registry"], packages: [...effect, /^@effect\/vitest/] },
  "testing/registry": { rooms: ["protocol", "bytes", "store", "testing"], packages: [...effect, /^@effect\/vitest/] },
  "cli/terminal": {
    rooms: ["protocol", "client/sources", "client/transport", "client/upload"],
    packages: [...platform, ...node, /^@effect\/cli\//, /^string-width$/]
  },
  "cli/options": {
    rooms: [
      "protocol",
      "server/hooks",
      "node",
      "node-client",
      "node-shared",
      "client/transport",
      "client/journal",
      "cli/terminal"
    ],
    packages: [...platform, ...node, /^@effect\/cli\//]
  },
  "cli/doctor": {
    rooms: ["wire", "wire/tus", "bytes", "client/transport", "client/requests", "cli/terminal"],
    packages: platform
  },
  "cli/commands": {
    rooms: [
      "protocol",
      "store",
      "sql",
      "s3",
      "cluster",
      "server/policy",
      "server/hooks",
      "server/operations",
      "node",
      "node/files",
      "node/embedded",
      "node-client",
      "client/sources",
      "client/transport",
      "client/journal",
      "client/requests",
      "client/upload",
      "cli/terminal",
      "cli/options",
      "cli/doctor"
    ],
    packages: [...platform, ...node, /^@effect\/cli\//, /^@effect\/platform-node\//, /^mime$/]
  },
  "cli": {
    rooms: ["cli/commands", "cli/options", "cli/terminal"],
    packages: [...effect, ...node, /^@effect\/cli\//, /^@effect\/platform-node\//]
  }
}

/** The folder of a file of `src`, as in `server/verbs`. Undefined for other files. */
const roomOf = (path) => /(?:^|[/\\])src[/\\](.*)[/\\][^/\\]+$/.exec(path)?.[1]?.replaceAll("\\", "/")

/** Why `file` must not import `specifier`. Undefined if it may. */
export const objection = (file, specifier) => {
  const room = roomOf(file)
  if (room === undefined || /(?:^|[/\\])index\.ts$/.test(file)) {
    return undefined
  }
  const row = table[room]
  if (row === undefined) {
    return `the folder ${room} is not in the import table`
  }
  if (!specifier.startsWith(".")) {
    return row.packages.some((pattern) => pattern.test(specifier))
      ? undefined
      : `${room} must not import ${specifier}`
  }
  const other = roomOf(new URL(specifier, `file:///src/${room}/x.ts`).pathname)
  return other === room || (other !== undefined && row.rooms.includes(other)) && !specifier.endsWith("/index.js")
    ? undefined
    : `${room} must not import from ${other ?? "src"}`
}

const imports = {
  meta: { type: "problem", schema: [] },
  create: (context) => {
    const check = ({ source }) => {
      const message = typeof source?.value === "string" ? objection(context.filename, source.value) : undefined
      if (message !== undefined) {
        context.report({ node: source, message: `${message}: see test/lint/rooms.js` })
      }
    }
    return {
      ImportDeclaration: check,
      ExportAllDeclaration: check,
      ExportNamedDeclaration: check,
      ImportExpression: check
    }
  }
}

export default { meta: { name: "rooms" }, rules: { imports } }

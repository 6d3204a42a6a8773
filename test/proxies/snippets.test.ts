import { assert, describe, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { snippet } from "./proxies.js"

describe("examples/deploy", () => {
  const root = new URL("../../", import.meta.url)
  for (const name of ["nginx.conf", "haproxy.cfg", "Caddyfile", "traefik.yml"]) {
    it(`${name} stands in the README as it is`, () => {
      assert.include(readFileSync(new URL("README.md", root), "utf8"), `\n${snippet(name)}\`\`\`\n`)
    })
  }
})

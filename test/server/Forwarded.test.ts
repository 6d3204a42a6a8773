import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import * as Forwarded from "../../src/server/policy/Forwarded.js"

const parsed = (header: string) =>
  Option.getOrNull(Option.map(Forwarded.parse(header), (elements) => elements.map((each) => Object.fromEntries(each))))

describe("Forwarded", () => {
  const examples: ReadonlyArray<readonly [header: string, elements: ReadonlyArray<Record<string, string>> | null]> = [
    ["for=\"_gazonk\"", [{ for: "_gazonk" }]],
    ["For=\"[2001:db8:cafe::17]:4711\"", [{ for: "[2001:db8:cafe::17]:4711" }]],
    ["for=192.0.2.60;proto=http;by=203.0.113.43", [{ for: "192.0.2.60", proto: "http", by: "203.0.113.43" }]],
    ["for=192.0.2.43, for=198.51.100.17", [{ for: "192.0.2.43" }, { for: "198.51.100.17" }]],
    [" for = a", null],
    ["for=a ; host=b", [{ for: "a", host: "b" }]],
    ["for=a;;host=b;", [{ for: "a", host: "b" }]],
    ["for=a,,host=b", [{ for: "a" }, { host: "b" }]],
    ["", []],
    ["host=\"a\\\"b,c;d\"", [{ host: "a\"b,c;d" }]],
    ["host=example.org:8443", [{ host: "example.org:8443" }]],
    ["for=a;for=b", null],
    ["host=\"a", null],
    ["host", null],
    ["host=", null],
    ["host=a b", null],
    ["host=a\"b\"", null]
  ]
  for (const [header, elements] of examples) {
    it(`${JSON.stringify(header)} is ${elements === null ? "malformed" : `read as ${JSON.stringify(elements)}`}`, () =>
      deepStrictEqual(parsed(header), elements))
  }

  it.prop("any text survives in quotes", [
    FastCheck.array(FastCheck.string(), { minLength: 1, maxLength: 5 })
  ], ([values]) => {
    const texts = values.map((value) => value.replaceAll(/[^\t\x20-\x7e]/g, ""))
    const header = texts.map((text) => `host="${text.replaceAll(/["\\]/g, "\\$&")}"`).join(",")
    deepStrictEqual(parsed(header), texts.map((host) => ({ host })))
  })

  it("a header that is made to be slow takes no longer than others", () => {
    for (const part of [";", ",", " ", "a=b", "a=\"", "\\", "a=\"\\"]) {
      Forwarded.parse(part.repeat(16_384))
    }
  })

  for (
    const [node, address] of [
      ["192.0.2.43", "192.0.2.43"],
      ["192.0.2.43:47011", "192.0.2.43"],
      ["192.0.2.43:_port", "192.0.2.43"],
      ["[2001:db8::17]", "2001:db8::17"],
      ["[2001:db8::17]:47011", "2001:db8::17"],
      ["2001:db8::17", null],
      ["unknown", null],
      ["_hidden", null],
      ["", null]
    ] as const
  ) {
    it(`the address of ${JSON.stringify(node)} is ${address}`, () =>
      assert.strictEqual(Option.getOrNull(Forwarded.addressOf(node)), address))
  }
})

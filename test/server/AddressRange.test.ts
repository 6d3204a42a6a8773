import { assert, describe, it } from "@effect/vitest"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { BlockList, isIP, isIPv4 } from "node:net"
import * as AddressRange from "../../src/server/policy/AddressRange.js"

const isWithin = (range: string, address: string) =>
  AddressRange.includes(
    Option.getOrThrow(AddressRange.parse(range)),
    Option.getOrThrow(AddressRange.parseAddress(address))
  )

describe("AddressRange", () => {
  const within: ReadonlyArray<readonly [range: string, address: string, expected: boolean]> = [
    ["127.0.0.1", "127.0.0.1", true],
    ["127.0.0.1", "127.0.0.2", false],
    ["10.0.0.0/8", "10.255.255.255", true],
    ["10.0.0.0/8", "11.0.0.0", false],
    ["172.16.0.0/12", "172.31.255.255", true],
    ["172.16.0.0/12", "172.32.0.0", false],
    ["192.168.1.77/24", "192.168.1.1", true],
    ["192.168.1.0/31", "192.168.1.2", false],
    ["0.0.0.0/0", "203.0.113.9", true],
    ["0.0.0.0/0", "2001:db8::1", false],
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["::1", "::1", true],
    ["::1", "0:0:0:0:0:0:0:1", true],
    ["::1", "127.0.0.1", false],
    ["fd00::/8", "fdff:1::2", true],
    ["fd00::/8", "fe00::", false],
    ["2001:DB8::/32", "2001:db8:ffff::1", true],
    ["2001:db8::/127", "2001:db8::2", false],
    ["fe80::/10", "fe80::1%eth0", true],
    ["64:ff9b::/96", "64:ff9b::192.0.2.33", true]
  ]
  for (const [range, address, expected] of within) {
    it(`${address} lies ${expected ? "" : "not "}in ${range}`, () =>
      assert.strictEqual(isWithin(range, address), expected))
  }

  const wrong = [
    "",
    "localhost",
    "10.0.0",
    "10.0.0.0.0",
    "10.0.0.256",
    "010.0.0.1",
    "10.0.0.01",
    "::ffff:010.0.0.1",
    "::ffff:10.0.0.01",
    "10.1",
    "167772161",
    "0x7f.0.0.1",
    "10.0.0.0/33",
    "10.0.0.0/",
    "10.0.0.0/8/8",
    "10.0.0.0/-1",
    " 10.0.0.1",
    "10.0.0.1\n",
    "::/129",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7::8",
    "12345::",
    "g::",
    "::1.2.3",
    "1.2.3.4::",
    ":1:2:3:4:5:6:7",
    "fe80::1%eth0",
    "[::1]"
  ]
  for (const text of wrong) {
    it(`${JSON.stringify(text)} is refused as a range`, () => assert.isTrue(Option.isNone(AddressRange.parse(text))))
  }

  const address = FastCheck.oneof(FastCheck.ipV4(), FastCheck.ipV6())

  it.prop("accepts every address that Node accepts", [address], ([text]) => {
    assert.strictEqual(Option.isSome(AddressRange.parseAddress(text)), isIP(text) !== 0)
    assert.isTrue(isWithin(text, text))
  })

  it.prop("agrees with Node about which addresses lie in a range", [
    FastCheck.ipV4(),
    FastCheck.nat(32),
    FastCheck.ipV4()
  ], ([start, prefix, other]) => {
    const list = new BlockList()
    list.addSubnet(start, prefix, "ipv4")
    assert.strictEqual(isWithin(`${start}/${prefix}`, other), list.check(other, "ipv4"))
  })

  it.prop("agrees with Node about ranges with a prefix length", [
    FastCheck.ipV6(),
    FastCheck.integer({ min: 1, max: 128 }),
    address
  ], ([
    start,
    prefix,
    other
  ]) => {
    const list = new BlockList()
    list.addSubnet(start, prefix, "ipv6")
    if (!isIPv4(other)) {
      assert.strictEqual(isWithin(`${start}/${prefix}`, other), list.check(other, "ipv6"))
    }
  })

  it.prop("accepts nothing else", [FastCheck.string()], ([text]) => {
    assert.isTrue(isIP(text) !== 0 || Option.isNone(AddressRange.parseAddress(text)) || text.includes("%"))
  })
})

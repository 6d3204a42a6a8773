import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Usage } from "effect-tus"
import { Quota } from "effect-tus/server"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { bytes, uploadOf } from "../protocol/arbitraries.js"

const ten: Usage.Usage = { bytes: 10, open: 1, outstanding: 10 }
const given: Quota.Given = {
  isNew: true,
  stored: 0,
  taken: Usage.nothing,
  wanted: 10,
  usage: Usage.nothing,
  total: Usage.nothing,
  free: Infinity
}
const deferred = uploadOf({ offset: bytes(4) })
const there = { isNew: false, stored: 4, taken: Usage.ofUpload(deferred) }

const sizes: Array<[title: string, quota: Quota.Quota, given: Partial<Quota.Given>, size: number]> = [
  ["all bytes that are wanted, without a quota", {}, {}, 10],
  ["a step, to a body of unknown length", {}, { wanted: Infinity }, Quota.step],
  ["a step more than is stored, to a body of unknown length", {}, { wanted: Infinity, stored: 9 }, 9 + Quota.step],
  ["the last byte of a quota", { bytesPerOwner: 20 }, { usage: ten }, 10],
  ["the last upload of a quota", { unfinishedPerOwner: 2 }, { usage: ten }, 10],
  ["the last byte of the disk", { minFreeBytes: 5 }, { total: ten, free: 25 }, 10],
  [
    "half of the rest of a quota, to a body of unknown length",
    { bytesPerOwner: 17 },
    { usage: ten, wanted: Infinity },
    4
  ],
  ["half of the rest of the disk, to a body of unknown length", { minFreeBytes: 1 }, { free: 9, wanted: Infinity }, 4],
  ["the last byte that is left, to a body of unknown length", { minFreeBytes: 8 }, { free: 9, wanted: Infinity }, 1],
  [
    "room to an existing upload, whose bytes count once",
    { bytesPerOwner: 12, minFreeBytes: 0 },
    {
      ...there,
      usage: Usage.ofUpload(deferred),
      total: Usage.ofUpload(deferred),
      free: 8,
      wanted: Infinity
    },
    8
  ],
  ["more bytes to an open upload of an owner who may not have more uploads", { unfinishedPerOwner: 1 }, {
    ...there,
    usage: Usage.ofUpload(deferred)
  }, 10]
]

const denials: Array<[title: string, quota: Quota.Quota, given: Partial<Quota.Given>, status: number, reason: RegExp]> =
  [
    ["one byte more than a quota", { bytesPerOwner: 19 }, { usage: ten }, 507, /at most 19 bytes together/],
    ["one upload more than a quota", { unfinishedPerOwner: 1 }, { usage: ten }, 429, /at most 1 unfinished/],
    ["one byte more than the disk has", { minFreeBytes: 6 }, { total: ten, free: 25 }, 507, /no space/],
    [
      "a body of unknown length if nothing is left",
      { bytesPerOwner: 10 },
      {
        usage: ten,
        wanted: Infinity
      },
      507,
      /at most 10 bytes/
    ],
    [
      "an empty upload if the quota has been lowered",
      { bytesPerOwner: 9 },
      { usage: ten, wanted: 0 },
      507,
      /at most 9/
    ]
  ]

describe("a quota", () => {
  for (const [title, quota, some, size] of sizes) {
    it(`grants ${title}`, () => {
      const grant = Quota.decide(quota, { ...given, ...some })
      deepStrictEqual(grant, Either.right(size))
    })
  }

  for (const [title, quota, some, status, reason] of denials) {
    it(`refuses ${title}`, () => {
      const denial = Option.getOrThrow(Either.getLeft(Quota.decide(quota, { ...given, ...some })))
      assert.strictEqual(denial.status, status)
      assert.match(denial.reason, reason)
      deepStrictEqual(denial.headers, { "retry-after": "60" })
    })
  }
})

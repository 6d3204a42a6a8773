import { assert, describe, it } from "@effect/vitest"
import { assertLeft, assertRight } from "@effect/vitest/utils"
import { UploadOptions, UploadSource } from "effect-tus/client"
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import { runInNewContext } from "node:vm"

const withDefaults = (metadata: unknown) =>
  UploadOptions.withDefaults({
    endpoint: "http://a/files",
    source: UploadSource.fromBytes(new Uint8Array(1)),
    metadata: metadata as UploadOptions.UploadOptions["metadata"]
  }).pipe(Either.map(({ uploadMetadata }) => uploadMetadata))

const base64 = (text: string) => Buffer.from(text).toString("base64")

describe("metadata", () => {
  it("accept texts, bytes, numbers and booleans, and leave out null and undefined", () => {
    assertRight(
      withDefaults({
        text: "é",
        empty: "",
        bytes: Uint8Array.of(0, 255),
        buffer: Buffer.from("b"),
        elsewhere: runInNewContext("Uint8Array.of(97)"),
        cacheControl: 3600,
        zero: 0,
        big: 12345678901234567890n,
        no: false,
        relativePath: null,
        left: undefined
      }),
      Option.some([
        `text ${base64("é")}`,
        "empty",
        "bytes AP8=",
        `buffer ${base64("b")}`,
        `elsewhere ${base64("a")}`,
        `cacheControl ${base64("3600")}`,
        `zero ${base64("0")}`,
        `big ${base64("12345678901234567890")}`,
        `no ${base64("false")}`
      ].join(","))
    )
    for (const nothing of [undefined, {}, { a: null, b: undefined }, Object.create(null)]) {
      assertRight(withDefaults(nothing), Option.none())
    }
  })

  const wrong: ReadonlyArray<readonly [metadata: unknown, message: string]> = [
    [{ "a b": "x" }, `expected keys of visible ASCII characters without commas, got "a b"`],
    [{ good: "x", "": 1 }, `expected keys of visible ASCII characters without commas, got ""`],
    [{ k: {} }, `expected a string, bytes, a finite number or a boolean as the value of "k", got [object Object]`],
    [{ k: ["a"] }, `expected a string, bytes, a finite number or a boolean as the value of "k", got [object Array]`],
    [{ ok: "x", k: Number.NaN }, `expected a string, bytes, a finite number or a boolean as the value of "k", got NaN`],
    [
      { k: new Uint16Array(1) },
      `expected a string, bytes, a finite number or a boolean as the value of "k", got [object Uint16Array]`
    ],
    [{ k: Symbol("s") }, `expected a string, bytes, a finite number or a boolean as the value of "k", got Symbol(s)`],
    [
      { k: () => 1 },
      `expected a string, bytes, a finite number or a boolean as the value of "k", got [object Function]`
    ],
    [new Map([["k", "v"]]), "expected an object with a value for each key, got [object Map]"],
    [[["k", "v"]], "expected an object with a value for each key, got [object Array]"],
    ["k=v", `expected an object with a value for each key, got "k=v"`]
  ]
  for (const [metadata, message] of wrong) {
    it(`are refused, and the message names the fault: ${message}`, () => {
      assertLeft(Either.mapLeft(withDefaults(metadata), (error) => error.message), `metadata: ${message}`)
    })
  }

  it("may have keys such as constructor", () => {
    assertRight(
      withDefaults(JSON.parse(`{"__proto__": "x", "constructor": "y"}`)),
      Option.some("__proto__ eA==,constructor eQ==")
    )
    assert.isTrue(Either.isRight(withDefaults({ toString: "x" })))
  })
})

describe("a chunk size", () => {
  const wrong: ReadonlyArray<readonly [size: UploadOptions.UploadOptions["chunkSize"], message: string]> = [
    [0.5, "chunkSize: expected whole numbers of bytes above 0, got 0.5"],
    [{ min: 2, max: 1 }, `chunkSize: expected min to be at most max, got {"min":2,"max":1}`],
    [{ max: 1, multipleOf: 2 }, `chunkSize: expected max to be at least multipleOf, got {"max":1,"multipleOf":2}`]
  ]
  for (const [chunkSize, message] of wrong) {
    it(`is refused: ${message}`, () => {
      const source = UploadSource.fromBytes(new Uint8Array(0))
      const options = UploadOptions.withDefaults({ endpoint: "http://a/files", source, chunkSize })
      assertLeft(Either.mapLeft(options, (error) => error.message), message)
    })
  }
})

import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { AppendHeaders, CreateHeaders, DiscoveryHeaders, InspectHeaders, type Message } from "effect-tus"
import * as Arbitrary from "effect/Arbitrary"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import * as HeaderCodec from "../../src/wire/HeaderCodec.js"

/** Values that headers have, might have, and must not have. */
const values = FastCheck.oneof(
  FastCheck.constantFrom(
    "",
    "0",
    "00",
    "1",
    "-1",
    "5\n",
    "999999999999999",
    "9007199254740991",
    "9007199254740992",
    "application/offset+octet-stream",
    "text/plain",
    "partial",
    "final;/files/abc",
    "crc32 AAAAAA==",
    "crc32 AAAA",
    "Upload-Checksum",
    "name YQ==,other",
    "gzip, chunked"
  ),
  FastCheck.string()
)

/** One or two of the fields, each with one of the values or without. */
const changesOf = ({ fields }: { readonly fields: Schema.Struct.Fields }) =>
  FastCheck.dictionary(
    FastCheck.constantFrom(
      ...Object.values(fields).map(({ ast }) =>
        ast._tag === "PropertySignatureTransformation" ? String(ast.from.fromKey) : ""
      )
    ),
    FastCheck.option(values),
    { minKeys: 1, maxKeys: 2 }
  )

const agrees = <A extends object, I>(name: string, request: Parameters<typeof HeaderCodec.decoder<A, I>>[0]) => {
  const specified = Schema.decodeUnknownEither(request)
  const compiled = HeaderCodec.decoder(request)

  it.prop(
    `decodes what a client encodes, with the result of the Schema: ${name}`,
    [Arbitrary.make(request)],
    ([instance]) => {
      const headers = Schema.encodeSync(request)(instance) as Message.Headers
      const decoded = Either.getOrThrow(compiled(headers))
      deepStrictEqual(decoded, Either.getOrThrow(specified(headers)))
      assert.isTrue(decoded instanceof request)
    }
  )

  it.prop(`decodes or refuses any headers, with the result of the Schema: ${name}`, [
    Arbitrary.make(request),
    changesOf(request)
  ], ([instance, changes]) => {
    const changed = { ...Schema.encodeSync(request)(instance), ...changes }
    const headers = Object.fromEntries(
      Object.entries(changed).filter(([, value]) => value !== null)
    ) as Message.Headers
    const told = Either.mapLeft(({ message }: { readonly message: string }) => message)
    deepStrictEqual(told(compiled(headers)), told(specified(headers)))
  }, { fastCheck: { numRuns: 2000 } })
}

const encodes = <A extends object, I>(
  name: string,
  response: Schema.Schema<A, I> & { readonly fields: Schema.Struct.Fields }
) => {
  const encode = HeaderCodec.fieldsEncoder(response.fields)
  it.prop(`encodes a response, with the result of the Schema: ${name}`, [Arbitrary.make(response)], ([instance]) => {
    deepStrictEqual<unknown>(encode(instance as never), { ...Schema.encodeSync(response)(instance) })
  }, { fastCheck: { numRuns: 1000 } })
}

describe("HeaderCodec", () => {
  agrees("Create", CreateHeaders.Request)
  agrees("Patch", AppendHeaders.Request)

  encodes("Append", AppendHeaders.Response)
  encodes("Create", CreateHeaders.Response)
  encodes("Discovery", DiscoveryHeaders.Response)
  encodes("Inspect", InspectHeaders.Response)

  it("accepts only classes of header fields", () => {
    class Strange extends Schema.Class<Strange>("Strange")({ name: Schema.String }) {}
    assert.throws(() => HeaderCodec.decoder(Strange), "expected name to be made by Header.required or Header.optional")
  })
})

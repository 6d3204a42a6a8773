import * as CommandLine from "@effect/cli/CliConfig"
import * as Options from "@effect/cli/Options"
import * as NodeContext from "@effect/platform-node/NodeContext"
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Store from "../../src/cli/options/Store.js"

const parse = (...args: ReadonlyArray<string>) =>
  Effect.provide(
    Effect.map(Options.processCommandLine(Store.options, args, CommandLine.defaultConfig), ([, , store]) => store),
    NodeContext.layer
  )

const database = "--database=postgres://tus:sesame@db:5432/tus"
const bucket = { bucket: "uploads", prefix: "uploads/", endpoint: undefined, region: undefined }

describe("the options of a store", () => {
  it.effect("name a directory, a bucket, or a database and a bucket", () =>
    Effect.gen(function*() {
      deepStrictEqual(yield* parse(), { _tag: "Directory" })
      deepStrictEqual(yield* parse("--bucket=s3://uploads"), { _tag: "DirectoryAndBucket", bucket })
      deepStrictEqual(
        yield* parse("--bucket=s3://uploads/a/b", "--bucket-endpoint=http://s3", "--bucket-region=eu"),
        { _tag: "DirectoryAndBucket", bucket: { ...bucket, prefix: "a/b/", endpoint: "http://s3", region: "eu" } }
      )
      const both = yield* parse("--bucket=s3://uploads", database)
      assert.strictEqual(
        both._tag === "DatabaseAndBucket" && Redacted.value(both.database),
        "postgres://tus:sesame@db:5432/tus"
      )
    }))

  const refused: ReadonlyArray<readonly [ReadonlyArray<string>, RegExp]> = [
    [["--bucket=uploads"], /--bucket: expected s3:\/\/NAME or s3:\/\/NAME\/PREFIX, got "uploads"/],
    [["--bucket=s3://uploads/a b"], /--bucket: expected/],
    [["--database=mysql://tus:sesame@db/tus", "--bucket=s3://uploads"], /--database: expected a URL such as postgres/],
    [[database], /--database needs --bucket: files on one machine are not found by other servers/],
    [["--bucket-region=eu"], /--bucket-endpoint and --bucket-region need --bucket/]
  ]
  for (const [args, expected] of refused) {
    it.effect(`refuse ${args.join(" ").replace(/:[^:@]*@/, "@")} in one sentence, without a password`, () =>
      Effect.gen(function*() {
        const error = JSON.stringify(yield* Effect.flip(parse(...args)))
        assert.match(error.replaceAll("\\\"", "\""), expected)
        assert.notInclude(error, "sesame")
      }))
  }

  it.effect("know a password that everybody on the machine can read", () =>
    Effect.gen(function*() {
      const store = yield* parse("--bucket=s3://uploads", database)
      assert.isTrue(Store.isExposed(store, ["node", "serve", database]))
      const query = "--database=postgres://tus@db/tus?password=sesame"
      assert.isTrue(Store.isExposed(yield* parse("--bucket=s3://uploads", query), ["serve", query]))
      assert.isFalse(Store.isExposed(store, ["node", "serve"]))
      const open = "--database=postgres://tus@db/tus"
      assert.isFalse(Store.isExposed(yield* parse("--bucket=s3://uploads", open), ["serve", open]))
    }))

  it.effect("have a name for people, without a password", () =>
    Effect.gen(function*() {
      assert.strictEqual(Store.nameOf(yield* parse(), "/srv"), "/srv")
      assert.strictEqual(
        Store.nameOf(yield* parse("--bucket=s3://uploads"), "/srv"),
        "s3://uploads/uploads/, their states in /srv"
      )
      assert.strictEqual(
        Store.nameOf(yield* parse("--bucket=s3://uploads/a", database), "/srv"),
        "s3://uploads/a/, their states in PostgreSQL at db:5432/tus"
      )
    }))
})

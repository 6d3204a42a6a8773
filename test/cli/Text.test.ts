import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import * as FastCheck from "effect/FastCheck"
import * as Text from "../../src/cli/terminal/Text.js"
import { names } from "./jobs.js"

const columns = FastCheck.integer({ min: -5, max: 150 })

const split = (text: string) => text.split(" ").filter((word) => word !== "")

describe("text for a terminal", () => {
  it("is one line without control characters", () => {
    assert.strictEqual(Text.clean("a\nb\r\tc"), "a\ufffdb\ufffd\ufffdc")
    assert.strictEqual(Text.clean("\u001b[31mred\u009b0m"), "\ufffd[31mred\ufffd0m")
    assert.strictEqual(Text.clean("exe.\u202egpj\u2066\u200f"), "exe.\ufffdgpj\ufffd\ufffd")
    assert.strictEqual(Text.clean("a\u2028b\u2029\ud800"), "a\ufffdb\ufffd\ufffd")
    assert.strictEqual(Text.clean("日本語 😀 é עברית"), "日本語 😀 é עברית")
  })

  it("can be stripped of its colours", () => {
    assert.strictEqual(Text.uncolored("\u001b[1;31mred\u001b[0m and [0m"), "red and [0m")
  })

  it("has two columns for a wide character, and none for an invisible one", () => {
    const widths = {
      "": 0,
      "abc": 3,
      "é": 1,
      "e\u0301": 1,
      "日本": 4,
      "한글": 4,
      "ｱ": 1,
      "Ａ": 2,
      "\ufe10": 2,
      "\u{1aff0}": 2,
      "\u{18d00}": 2,
      "😀": 2,
      "⌚": 2,
      "❤\ufe0f": 2,
      "\ufffd": 1,
      "█░✓…": 4
    }
    for (const [text, width] of Object.entries(widths)) {
      assert.strictEqual(Text.width(text), width, JSON.stringify(text))
    }
  })

  it("counts the most columns of a sequence that terminals show differently", () => {
    assert.isAtLeast(Text.width("👨‍👩‍👧"), 6)
    assert.isAtLeast(Text.width("🇩🇪"), 4)
    assert.strictEqual(Text.width("\u00ad\u0600\u06dd"), 3)
  })

  it("loses its middle if it is too long", () => {
    assert.strictEqual(Text.shorten("holiday-2024.mp4", 16), "holiday-2024.mp4")
    assert.strictEqual(Text.shorten("holiday-2024.mp4", 9), "holi….mp4")
    assert.strictEqual(Text.shorten("holiday-2024.mp4", 2), "h…")
    assert.strictEqual(Text.shorten("holiday-2024.mp4", 1), "…")
    assert.strictEqual(Text.shorten("holiday-2024.mp4", 0), "")
    assert.strictEqual(Text.shorten("日本語日本語", 7), "日…本語")
  })

  it("loses its end if it is cut", () => {
    assert.strictEqual(Text.cut("abcdef", 6), "abcdef")
    assert.strictEqual(Text.cut("abcdef", 4), "abc…")
    assert.strictEqual(Text.cut("日本語", 4), "日…")
    assert.strictEqual(Text.cut("abcdef", 0), "")
  })

  it("is never cut within a grapheme", () => {
    assert.strictEqual(Text.cut("👨‍👩‍👧abc", 5), "…")
    assert.strictEqual(Text.cut("e\u0301e\u0301e\u0301", 2), "e\u0301…")
  })

  it("keeps the file name at the end of a path", () => {
    const path = "/home/someone/films/film-of-the-summer.mp4"
    assert.strictEqual(Text.shortenPath(path, 50), path)
    assert.strictEqual(
      Text.shortenPath(path, 30),
      "/home/so…/film-of-the-summer.mp4".slice(0, 6) + "…/film-of-the-summer.mp4"
    )
    assert.strictEqual(Text.shortenPath(path, 24), "…/film-of-the-summer.mp4")
    assert.strictEqual(Text.shortenPath(path, 22), "film-of-the-summer.mp4")
    assert.strictEqual(Text.shortenPath(path, 9), "film….mp4")
  })

  it("is broken between words, and no word is broken", () => {
    deepStrictEqual(Text.wrap("a proxy lets nothing through", 12), ["a proxy lets", "nothing", "through"])
    deepStrictEqual(Text.wrap("  see http://example.com/files/1 there", 12), [
      "  see",
      "  http://example.com/files/1",
      "  there"
    ])
    deepStrictEqual(Text.wrap("\u001b[31mred\u001b[39m and  blue", 14), ["\u001b[31mred\u001b[39m and  blue"])
    deepStrictEqual(Text.wrap("", 12), [""])
  })

  it("is broken between fields if they fit, and within those that do not", () => {
    deepStrictEqual(Text.wrap("a.bin  2 min 5 s ago  expires in 5 min", 22, 2), [
      "a.bin  2 min 5 s ago",
      "  expires in 5 min"
    ])
    deepStrictEqual(Text.wrap("name    a film that is long  a.bin", 16, 2), [
      "name    a film",
      "  that is long",
      "  a.bin"
    ])
    deepStrictEqual(Text.wrap("  of a  http://example.com/1  b", 12, 1), ["  of a", "   http://example.com/1", "   b"])
  })

  it.prop("keeps all its words, in lines that are as short as possible", [
    FastCheck.array(FastCheck.oneof(names, FastCheck.constant("")), { maxLength: 12 }),
    FastCheck.integer({ min: 1, max: 60 }),
    FastCheck.nat(4)
  ], ([words, columns, hang]) => {
    const text = words.join(" ")
    const lines = Text.wrap(text, columns, hang)
    deepStrictEqual(lines.flatMap(split), split(text))
    for (const line of lines.filter((line) => split(line).length > 1)) {
      assert.isAtMost(Text.width(line), columns)
    }
  })

  it.prop("is at most as wide as its limit", [names, columns], ([text, columns]) => {
    assert.isAtMost(Text.width(Text.shorten(text, columns)), Math.max(0, columns))
    assert.isAtMost(Text.width(Text.shortenPath(`a/${text}/b`, columns)), Math.max(0, columns))
    assert.isAtMost(Text.width(Text.cut(text, columns)), Math.max(0, columns))
  })

  it.prop("is padded to exactly its width", [names, columns], ([text, columns]) => {
    assert.strictEqual(Text.width(Text.fit(text, columns)), Math.max(0, columns))
  })

  it.prop("is unchanged if it fits", [names], ([text]) => {
    const width = Text.width(text)
    assert.strictEqual(Text.shorten(text, width), text)
    assert.strictEqual(Text.cut(text, width), text)
    assert.strictEqual(Text.fit(text, width), text)
  })

  it.prop("does not change if it is cleaned twice", [FastCheck.string({ unit: "binary" })], ([text]) => {
    const clean = Text.clean(text)
    assert.notMatch(clean, /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u)
    assert.strictEqual(Text.clean(clean), clean)
  })
})

import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { parse } from "./strace.js"

const calls = (...lines: ReadonlyArray<string>) =>
  parse(lines.join("\n")).map(({ begin, end, files, name, result, strings }) => ({
    name,
    files,
    strings,
    result,
    begin,
    end
  }))

describe("the reader of strace", () => {
  it("finds the file of a descriptor", () => {
    deepStrictEqual(calls("7 fsync(28</srv/up>)          = 0"), [
      { name: "fsync", files: ["/srv/up"], strings: [], result: 0, begin: 0, end: 0 }
    ])
  })

  it("reads no end and no descriptor in written text", () => {
    deepStrictEqual(calls(`7 pwrite64(3</srv/a>, "x) = 5 \\"4</b>\\" "..., 4096, 56) = 4096`), [
      { name: "pwrite64", files: ["/srv/a"], strings: [`x) = 5 \\"4</b>\\" `], result: 4096, begin: 0, end: 0 }
    ])
  })

  it("reads a negative result of a failed call", () => {
    const [call] = calls(`7 openat(AT_FDCWD</srv>, "/srv/a", O_RDONLY) = -1 ENOENT (No such file or directory)`)
    assert.strictEqual(call?.result, -1)
    deepStrictEqual(call?.strings, ["/srv/a"])
  })

  it("reads all buffers of a call", () => {
    const [call] = calls(
      `7 writev(9<socket:[5]>, [{iov_base="HTTP/1.1 200", iov_len=12}, {iov_base="y", iov_len=1}], 2) = 13`
    )
    deepStrictEqual(call?.strings, ["HTTP/1.1 200", "y"])
    deepStrictEqual(call?.files, ["socket:[5]"])
  })

  it("lets calls of several threads overlap until they return", () => {
    deepStrictEqual(
      calls(
        "7 fdatasync(30</srv/a> <unfinished ...>",
        "8 fsync(31</srv> <unfinished ...>",
        "8 <... fsync resumed>)             = 0",
        "7 <... fdatasync resumed>)         = 0",
        "9 close(30</srv/a>) = 0"
      ).map(({ begin, end, files: [file], name }) => [name, file, begin, end]),
      [["fdatasync", "/srv/a", 0, 3], ["fsync", "/srv", 1, 2], ["close", "/srv/a", 4, 4]]
    )
  })

  it("adds what is printed at the return of a call to its arguments", () => {
    deepStrictEqual(
      calls("7 copy_file_range(3</a>, NULL,  <unfinished ...>", "7 <... copy_file_range resumed>4</b>, NULL, 9, 0) = 9")
        .map(({ files, result }) => [files, result]),
      [[["/a", "/b"], 9]]
    )
  })

  it("leaves a call open that the end of the process cut off", () => {
    deepStrictEqual(
      calls("7 fsync(28</srv> <unfinished ...>", "8 exit_group(0) = ?", "7 +++ killed by SIGKILL +++").map((call) => [
        call.name,
        call.result,
        call.end
      ]),
      [["fsync", undefined, Number.POSITIVE_INFINITY], ["exit_group", undefined, 1]]
    )
  })

  it("ignores signals and exits", () => {
    deepStrictEqual(calls("7 --- SIGCHLD {si_signo=SIGCHLD} ---", "7 +++ exited with 0 +++", ""), [])
  })
})

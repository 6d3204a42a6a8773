import { describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { answers } from "./steps.js"
import { parse } from "./strace.js"

const file = "/up/c1/8a25f8e2b48662401574194f2c23b5c1"

const seen = (...lines: ReadonlyArray<string>) => answers("/up", parse(lines.map((line) => `7 ${line}`).join("\n")))

const answer = `write(29<socket:[5]>, "HTTP/1.1 204 No Content", 219) = 219`
const log = `pwrite64(27</up/uploads.sqlite-wal>, "\\0", 24, 65952) = 24`

describe("the steps of a trace", () => {
  it("several writes to the same file are one stage", () => {
    deepStrictEqual(
      seen(`pwrite64(3<${file}>, "a", 1, 0) = 1`, `pwrite64(3<${file}>, "b", 1, 1) = 1`, log, log, answer),
      [[["write file"], ["write log"], ["answer"]]]
    )
  })

  it("syncs of a file and its directories are one stage, that of the log is another", () => {
    deepStrictEqual(
      seen(
        "fsync(1</up/c1>) = 0",
        `fdatasync(3<${file}>) = 0`,
        "fsync(2</up>) = 0",
        log,
        "fsync(4</up/uploads.sqlite-wal>) = 0",
        answer
      ),
      [[["sync directory", "sync file", "sync shard"], ["write log"], ["sync log"], ["answer"]]]
    )
  })

  it("calls that begin before a sync has returned are in its stage", () => {
    deepStrictEqual(
      answers(
        "/up",
        parse(`7 fdatasync(3<${file}> <unfinished ...>\n8 ${log}\n7 <... fdatasync resumed>) = 0\n8 ${answer}`)
      ),
      [[["sync file", "write log"], ["answer"]]]
    )
  })

  it("each response begins a new stage", () => {
    deepStrictEqual(seen(log, answer, answer, log, answer), [
      [["write log"], ["answer"]],
      [["answer"]],
      [["write log"], ["answer"]]
    ])
  })

  it("failed calls, reads, and calls elsewhere are no steps", () => {
    deepStrictEqual(
      seen(
        `openat(AT_FDCWD</x>, "${file}", O_WRONLY|O_CREAT) = -1 ENOENT (No such file or directory)`,
        `openat(AT_FDCWD</x>, "${file}", O_RDWR|O_CLOEXEC) = 30<${file}>`,
        `write(1<pipe:[3]>, "${file}", 9) = 9`,
        `openat(AT_FDCWD</x>, "/tmp/c1/b", O_WRONLY|O_CREAT) = 3</tmp/c1/b>`,
        `copy_file_range(18<${file}>, NULL, 19</tmp/b>, NULL, 9, 0) = 9`,
        answer
      ),
      [[["answer"]]]
    )
  })

  it("a copy in the kernel is a write, and a file that was written under a temporary name is renamed", () => {
    deepStrictEqual(
      seen(
        "mkdir(\"/up/c1\", 0777) = 0",
        `openat(AT_FDCWD</x>, "${file}.concat", O_WRONLY|O_CREAT) = 3<${file}.concat>`,
        `copy_file_range(18</up/c2/b>, NULL, 3<${file}.concat>, NULL, 9, 0) = 9`,
        `rename("${file}.concat", "${file}") = 0`,
        answer
      ),
      [[["make shard"], ["make file"], ["write file"], ["rename file"], ["answer"]]]
    )
  })
})

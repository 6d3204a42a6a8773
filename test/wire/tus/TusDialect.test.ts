import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { AppendHeaders, Command, CreateHeaders, type Message, type Target, TusDialect } from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Schema from "effect/Schema"
import { id } from "../../protocol/arbitraries.js"
import { type Defect, inOrder, sentenceOf, statusOf, told } from "../../protocol/defects.js"

const upload = id("a")
const version = { "tus-resumable": "1.0.0" }
const patching = { ...version, "content-type": "application/offset+octet-stream", "upload-offset": "0" }
const creating = { ...version, "upload-length": "1" }
const octets = "application/offset+octet-stream"
const sameTypes = [
  `${octets}; charset=utf-8`,
  `${octets};charset=UTF-8 ; a="b;\\",c"`,
  `${octets} ;`,
  "Application/Offset+Octet-Stream",
  ` ${octets}\t`
]

const request = (method: string, url: string, headers: Message.RawRequest["headers"] = version) => ({
  method,
  url,
  headers
})

const decode = (raw: Message.RawRequest, mount: Target.Mount = { path: "/files" }) => TusDialect.decode(raw, mount)

/** A request without a known public URL. */
const decodeAnywhere = (raw: Message.RawRequest) => decode(raw, {})

const refusalOf = (result: ReturnType<typeof decode>) => Either.getOrThrow(Either.flip(result))

const overridden = (actual: string, override: string) =>
  decode(request(actual, `/files/${upload}`, { ...patching, "x-http-method-override": override }))

/** The upload would be where a browser reads `Location`, below what the client sees of the server. */
const staysOnHost = (url: string) => {
  for (const base of ["", "/api", "https://here.example", "https://here.example/api"]) {
    const command = Either.getOrThrow(decode(request("POST", url, creating), { base }))
    const location = `${command._tag === "Create" ? command.collection : assert.fail()}/${upload}`
    const read = new URL(location, "https://here.example/page")
    assert.strictEqual(read.origin, "https://here.example", JSON.stringify([url, location]))
    assert.isTrue(
      location.startsWith(`${base}/`) && read.pathname.endsWith(`/${upload}`),
      JSON.stringify([url, location])
    )
    assert.notMatch(location.slice(base.length), /^\/[/\\]|[\0-\x20\x7f]/)
  }
}

const allowOf = (method: string, url: string) => {
  const refusal = refusalOf(decode(request(method, url, { ...patching, ...creating })))
  return refusal._tag === "MethodNotAllowed" ? refusal.allow : refusal._tag
}

const withHeader = (name: string, value: string): Pick<Defect<Message.RawRequest>, "of" | "spoil"> => ({
  of: [name],
  spoil: (raw) => ({ ...raw, headers: { ...raw.headers, [name]: value } })
})

const header = (name: string, value: string, status = 400): Defect<Message.RawRequest> => ({
  name: `${name}: ${value}`,
  refused: `${status} ${name}`,
  ...withHeader(name, value)
})

const method: Defect<Message.RawRequest> = {
  name: "an unknown method",
  refused: "405 MethodNotAllowed",
  of: ["method"],
  spoil: (raw) => ({ ...raw, method: "BREW" })
}

const path: Defect<Message.RawRequest> = {
  name: "another path",
  refused: "404 UploadNotFound",
  of: ["path"],
  spoil: (raw) => ({ ...raw, url: "/elsewhere" })
}

const beforeHeaders = [method, header("tus-resumable", "0.2.2", 412), path]

const aboutBody = [
  header("transfer-encoding", "gzip, chunked"),
  header("content-length", "1e3"),
  header("upload-checksum", "sha1 !"),
  header("trailer", "a b")
]

describe("TusDialect", () => {
  it("matches the path of the request, and puts the public URL of the collection into the command", () => {
    const command = Either.getOrThrow(
      decode(request("POST", "/files", creating), { path: "/files", base: "https://a.b/api" })
    )
    assert.strictEqual(command._tag === "Create" ? command.collection : "", "https://a.b/api/files")
    const head = request("HEAD", `/files/${upload}`)
    deepStrictEqual(decode(head, { path: "/files", base: "/api" }), decode(head, { path: "/files" }))
  })

  it("decodes the five requests of the protocol", () => {
    const cases = {
      "OPTIONS /files": Command.Command.Discover(),
      "POST /files": Command.Command.Create({
        collection: "/files",
        request: Either.getOrThrow(
          CreateHeaders.read(Schema.decodeSync(CreateHeaders.Request)({ "upload-length": "1" }), "/files")
        )
      }),
      [`HEAD /files/${upload}`]: Command.Command.Inspect({ id: upload }),
      [`PATCH /files/${upload}`]: Command.Command.Append({
        id: upload,
        request: AppendHeaders.read(
          Schema.decodeSync(AppendHeaders.Request)({
            "content-type": "application/offset+octet-stream",
            "upload-offset": "0"
          })
        )
      }),
      [`DELETE /files/${upload}`]: Command.Command.Terminate({ id: upload })
    }
    for (const [line, command] of Object.entries(cases)) {
      const [method = "", url = ""] = line.split(" ")
      const headers = method === "PATCH" ? patching : method === "POST" ? creating : version
      deepStrictEqual(decode(request(method, url, headers)), Either.right(command), line)
      deepStrictEqual(decodeAnywhere(request(method, url, headers)), Either.right(command), line)
    }
  })

  describe("the version", () => {
    for (const value of ["0.2.2", "1.0", "1.0.0, 1.0.0", "", "2.0.0"]) {
      it(`If the version is not supported the Server MUST respond with 412: ${JSON.stringify(value)}`, () => {
        for (const method of ["POST", "HEAD", "PATCH", "DELETE"]) {
          const headers = { ...patching, ...creating, "tus-resumable": value }
          const refusal = refusalOf(decode(request(method, method === "POST" ? "/files" : `/files/${upload}`, headers)))
          assert.strictEqual(statusOf(refusal), 412)
          assert.include(sentenceOf(refusal), "Tus-Resumable: expected 1.0.0")
        }
      })
    }

    it("Tus-Resumable MUST be included in every request except for OPTIONS", () => {
      for (const method of ["POST", "HEAD", "PATCH", "DELETE"]) {
        assert.strictEqual(told(refusalOf(decode(request(method, "/files", {})))), "412 tus-resumable")
      }
    })

    it("The Server MUST ignore Tus-Resumable in an OPTIONS request", () => {
      for (const headers of [{}, version, { "tus-resumable": "0.2.2" }]) {
        deepStrictEqual(
          decode(request("OPTIONS", "/anywhere", headers)),
          Either.right(Command.Command.Discover())
        )
      }
    })
  })

  describe("the method", () => {
    it("X-HTTP-Method-Override MUST be interpreted as the method, and the actual one MUST be ignored", () => {
      for (const actual of ["POST", "GET", "DELETE", "BREW", "OPTIONS", ""]) {
        deepStrictEqual(overridden(actual, "HEAD"), Either.right(Command.Command.Inspect({ id: upload })))
        deepStrictEqual(overridden(actual, "delete"), Either.right(Command.Command.Terminate({ id: upload })))
        assert.strictEqual(Either.getOrThrow(overridden(actual, "PATCH"))._tag, "Append")
      }
      for (const override of ["GET", "", "PATCH, PATCH", "BREW"]) {
        assert.strictEqual(told(refusalOf(overridden("PATCH", override))), "405 MethodNotAllowed")
      }
    })

    it("an unknown method is refused with 405, and Allow lists the known methods", () => {
      for (const method of ["GET", "PUT", "TRACE", "", "__proto__", "PATCH "]) {
        const refusal = refusalOf(decode(request(method, `/files/${upload}`)))
        assert.strictEqual(refusal._tag, "MethodNotAllowed")
        deepStrictEqual(refusal._tag === "MethodNotAllowed" ? refusal.allow : [], [
          "OPTIONS",
          "POST",
          "HEAD",
          "PATCH",
          "DELETE"
        ])
      }
    })

    it("a method of the other kind of resource is refused with 405, and Allow lists those of this one", () => {
      for (const method of ["HEAD", "PATCH", "DELETE"]) {
        deepStrictEqual(allowOf(method, "/files"), ["OPTIONS", "POST"])
        deepStrictEqual(allowOf(method, "/files/"), ["OPTIONS", "POST"])
      }
      deepStrictEqual(allowOf("POST", `/files/${upload}`), ["OPTIONS", "HEAD", "PATCH", "DELETE"])
    })
  })

  describe("the path", () => {
    const targets = [
      `/files/${upload}`,
      `/files/${upload}/`,
      `/files/${upload}?token=a/b`,
      `/files/${upload}#x`,
      `http://tus.example.org/files/${upload}`,
      `HTTPS://user@tus.example.org:1080/files/${upload}?x`
    ]
    for (const url of targets) {
      it(`finds the upload in ${url}`, () => {
        deepStrictEqual(decode(request("HEAD", url)), Either.right(Command.Command.Inspect({ id: upload })))
        deepStrictEqual(decodeAnywhere(request("HEAD", url)), decode(request("HEAD", url)))
      })
    }

    const strangers = [
      "",
      "/",
      "*",
      "/files/..",
      `/files/../${upload}`,
      `/files/%2e%2e/${upload}`,
      "/files/..%2f..%2fetc%2fpasswd",
      `/files/%00${upload}`,
      `/files/${upload}%00`,
      `/files/${upload}%2f`,
      `/files/${upload}\u0000`,
      `/files/${upload}é`,
      `/files/${upload}\n`,
      "/files/short",
      `/files/${"a".repeat(21)}`,
      `/files/${"a".repeat(129)}`,
      `/files/${"a".repeat(10240)}`,
      "/files/__proto__",
      `/other/${upload}`,
      `/files/deeper/${upload}`,
      `//files/${upload}`,
      `/FILES/${upload}`,
      `files/${upload}`,
      `/${upload}`
    ]
    for (const url of strangers) {
      it(`finds no upload at ${JSON.stringify(url.slice(0, 60))}`, () => {
        for (const method of ["HEAD", "PATCH", "DELETE"]) {
          assert.strictEqual(told(refusalOf(decode(request(method, url, patching)))), "404 UploadNotFound")
        }
      })
    }

    it("an id has 22 to 128 letters, digits, - or _", () => {
      for (const id of ["a".repeat(22), "Z".repeat(128), "-_0123456789-_-_-_-_-_"]) {
        assert(Either.isRight(decode(request("HEAD", `/files/${id}`))))
      }
    })

    it("a POST to another path is refused, unless the server was mounted without a path", () => {
      for (const url of ["/other", "/", "", "/files/deep/er"]) {
        assert.strictEqual(told(refusalOf(decode(request("POST", url, creating)))), "404 UploadNotFound")
        const command = Either.getOrThrow(decodeAnywhere(request("POST", url, creating)))
        assert.strictEqual(command._tag === "Create" ? command.collection : command._tag, url.replace(/\/$/, ""))
      }
    })

    const elsewhere = [
      "//evil.example/x",
      "///evil.example/x",
      "/\\evil.example/x",
      "\\\\evil.example/x",
      "\\/evil.example/x",
      "http://a//evil.example/x",
      "http://a/\\evil.example/x",
      "/\t/evil.example/x",
      "/\r\n/evil.example/x",
      "\n//evil.example",
      " //evil.example",
      ".evil.example",
      "*",
      "/\\",
      "//\\/\\",
      "javascript:alert(1)//",
      "@evil.example/x"
    ]
    it("the URL of the collection stays on the host of the request, for every hostile target", () => {
      for (const url of elsewhere) {
        staysOnHost(url)
      }
      const command = Either.getOrThrow(decodeAnywhere(request("POST", "//evil.example/x", creating)))
      assert.strictEqual(command._tag === "Create" ? command.collection : command._tag, "/evil.example/x")
    })

    it.prop("the URL of the collection stays on the host of the request, for every target", [
      FastCheck.oneof(
        FastCheck.string({ unit: "binary" }),
        FastCheck.string({ unit: FastCheck.constantFrom("/", "\\", "\t", "\n", "@", ":", ".", "a", "http:") })
      )
    ], ([url]) => {
      staysOnHost(url)
    })

    it("a hostile target is read in less than a second", () => {
      const start = performance.now()
      const slashes = "/".repeat(200_000)
      for (
        const url of [`/files${slashes}x`, `${slashes}x`, `/files?${"?".repeat(200_000)}\n`, `h${slashes}:${slashes}x`]
      ) {
        assert(Either.isLeft(decode(request("HEAD", url))))
      }
      assert.isBelow(performance.now() - start, 1000)
    })

    it.prop("every target is read without a throw", [
      FastCheck.string({ unit: "binary" }),
      FastCheck.constantFrom("POST", "HEAD", "PATCH", "DELETE"),
      FastCheck.option(FastCheck.constantFrom("/files", ""), { nil: undefined })
    ], ([url, method, path]) => {
      const result = decode(request(method, url, { ...patching, ...creating }), { path })
      assert.include([404, 405, undefined], Either.isLeft(result) ? statusOf(result.left) : undefined)
    })
  })

  describe("the order of refusals of a POST", () =>
    inOrder(request("POST", "/files", creating), decode, [
      ...beforeHeaders,
      header("upload-length", "-1"),
      header("upload-defer-length", "0"),
      header("upload-metadata", "a !"),
      header("upload-concat", "whole"),
      ...aboutBody
    ]))

  describe("the order of refusals of a PATCH", () =>
    inOrder(request("PATCH", `/files/${upload}`, patching), decode, [
      ...beforeHeaders,
      header("content-type", "text/plain", 415),
      header("content-encoding", "gzip", 415),
      header("upload-offset", "0x0"),
      header("upload-length", " 1"),
      ...aboutBody
    ]))

  for (const method of ["HEAD", "DELETE"]) {
    describe(`the order of refusals of a ${method}`, () =>
      inOrder(request(method, `/files/${upload}`), decode, beforeHeaders))
  }

  it("All PATCH requests MUST use Content-Type: application/offset+octet-stream", () => {
    const others = ["", "application/octet-stream", "application/offset+octet-streams", `text/plain; a="${octets}"`]
    for (const type of [undefined, ...others, `${octets}, text/plain`, `${octets}; a=b, ${octets}`, `${octets} x`]) {
      const { "content-type": _, ...rest } = patching
      const headers = type === undefined ? rest : { ...rest, "content-type": type }
      assert.strictEqual(told(refusalOf(decode(request("PATCH", `/files/${upload}`, headers)))), "415 content-type")
    }
  })

  it("media types are compared without case, white space and parameters", () => {
    for (const type of sameTypes) {
      deepStrictEqual(
        decode(request("PATCH", `/files/${upload}`, { ...patching, "content-type": type })),
        decode(request("PATCH", `/files/${upload}`, patching)),
        type
      )
      const create = Either.getOrThrow(decode(request("POST", "/files", { ...creating, "content-type": type })))
      assert.isTrue(Command.takesBody(create), type)
    }
  })

  it("a PATCH in a content coding is refused: the server does not decode it, and offsets would count encoded bytes", () => {
    const codings = [
      "gzip",
      "GZIP",
      "br",
      "aws-chunked",
      "identity, gzip",
      "gzip, identity",
      "identitygzip",
      "gzip;q=1"
    ]
    for (const coding of [...codings, "identityidentity", ",gzip", "x".repeat(10_000)]) {
      const headers = { ...patching, "content-encoding": coding }
      const refusal = refusalOf(decode(request("PATCH", `/files/${upload}`, headers)))
      assert.strictEqual(told(refusal), "415 content-encoding", coding)
      assert.include(sentenceOf(refusal), "Content-Encoding: expected none but identity")
    }
    for (const coding of ["identity", "Identity", "", " ", "identity, ,identity", ","]) {
      assert(Either.isRight(decode(request("PATCH", `/files/${upload}`, { ...patching, "content-encoding": coding }))))
    }
  })

  it("a PATCH without Upload-Offset is refused with 400, which says what the header must hold", () => {
    const { "upload-offset": _, ...headers } = patching
    const refusal = refusalOf(decode(request("PATCH", `/files/${upload}`, headers)))
    assert.strictEqual(statusOf(refusal), 400)
    assert.strictEqual(sentenceOf(refusal), "Upload-Offset: expected the offset at which the body continues, in bytes")
  })

  it("two lines of one numeric header are refused, even if they are equal", () => {
    for (const name of ["upload-offset", "upload-length", "content-length"]) {
      const refusal = refusalOf(decode(request("PATCH", `/files/${upload}`, { ...patching, [name]: "0, 0" })))
      assert.strictEqual(told(refusal), `400 ${name}`)
    }
  })

  it("If Upload-Defer-Length contains any other value than 1, it is refused", () => {
    for (const value of ["0", "2", "", "01", "1.0", "true", "1, 1", " 1"]) {
      const refusal = refusalOf(decode(request("POST", "/files", { ...version, "upload-defer-length": value })))
      assert.strictEqual(told(refusal), "400 upload-defer-length")
    }
  })

  it("unknown headers are ignored", () => {
    const headers = { ...creating, host: "x", "x-anything": "\u0000", constructor: "x", ["__proto__"]: "x" }
    deepStrictEqual(
      decode(request("POST", "/files", headers)),
      decode(request("POST", "/files", creating))
    )
  })

  it.prop("the server decodes what the client encodes: POST", [CreateHeaders.Request], ([create]) => {
    const headers = { ...version, ...Schema.encodeSync(CreateHeaders.Request)(create) }
    deepStrictEqual(
      decode(request("POST", "/files", headers)),
      Either.map(
        CreateHeaders.read(create, "/files"),
        (request) => Command.Command.Create({ collection: "/files", request })
      )
    )
  })

  it.prop("the server decodes what the client encodes: PATCH", [AppendHeaders.Request], ([patch]) => {
    const headers = { ...version, ...Schema.encodeSync(AppendHeaders.Request)(patch) }
    deepStrictEqual(
      decode(request("PATCH", `/files/${upload}`, headers)),
      Either.right(Command.Command.Append({ id: upload, request: AppendHeaders.read(patch) }))
    )
  })

  const hostile = {
    "10 KiB of letters": "x".repeat(10240),
    "10 KiB of zero bytes": "\u0000".repeat(10240),
    "10 KiB beyond ASCII": "💥".repeat(2560),
    "10 KiB of quotes": "\"".repeat(10240),
    "a second line": "x\r\nSet-Cookie: a=b",
    "the separator of lines": "x\u2028x",
    "10 KiB of commas": ",".repeat(10240),
    "10 KiB of one key": `${"k".repeat(5120)},${"k".repeat(5120)}`,
    "10 KiB of a final": `final;${"\u0001".repeat(10240)}`,
    "10 KiB of a digest": `sha1 ${"A".repeat(10240)}`
  }
  const places: Readonly<Record<string, (value: string) => Message.RawRequest>> = {
    "Tus-Resumable": (value) => request("HEAD", `/files/${upload}`, { "tus-resumable": value }),
    "X-HTTP-Method-Override": (value) => request("POST", "/files", { ...creating, "x-http-method-override": value }),
    "the method": (value) => request(value, "/files"),
    "the path": (value) => request("HEAD", `/files/${value}`),
    ...Object.fromEntries(
      ["Content-Type", "Upload-Offset", "Upload-Length", "Content-Length", "Upload-Checksum", "Trailer"].map((name) => [
        name,
        (value: string) => request("PATCH", `/files/${upload}`, { ...patching, [name.toLowerCase()]: value })
      ])
    ),
    ...Object.fromEntries(
      ["Upload-Defer-Length", "Upload-Metadata", "Upload-Concat"].map((name) => [
        name,
        (value: string) => request("POST", "/files", { ...creating, [name.toLowerCase()]: value })
      ])
    )
  }
  /** Unusual, but such a header is possible. */
  const lawful: Readonly<Record<string, ReadonlyArray<string>>> = {
    "Trailer": ["10 KiB of letters", "10 KiB of commas", "10 KiB of one key"],
    "Upload-Metadata": ["10 KiB of letters", "10 KiB of quotes", "10 KiB of a digest", "10 KiB of commas"]
  }
  for (const [place, requestWith] of Object.entries(places)) {
    it(`answers a hostile ${place} with one short line that says what was expected`, () => {
      for (const [name, value] of Object.entries(hostile)) {
        const result = decode(requestWith(value))
        if (Either.isRight(result)) {
          const legal = lawful[place]?.includes(name) ?? false
          assert.isTrue(legal, `${place} with ${name} is accepted`)
          continue
        }
        const message = sentenceOf(result.left)
        assert.match(message, /^[\x20-\x7e…]+$/, name)
        assert.isBelow(message.length, 720, name)
        assert.match(message, result.left._tag === "UploadNotFound" ? /^no upload ".*" here$/ : /expected/, name)
        if (result.left._tag === "InvalidHeader") {
          assert.isTrue(message.startsWith(`${place}: expected`), message)
        }
      }
    })
  }
})

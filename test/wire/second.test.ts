/**
 * A second dialect, of three verbs, with other words than tus, in which the client says which bytes are the last. It is
 * served by the same rules: this file holds all that it needs.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import {
  Append,
  Command,
  Create,
  HttpRefusal,
  Inspect,
  type Message,
  type Policy,
  Refusal,
  type Reply,
  Target,
  Transfer,
  type Upload,
  type WireDialect
} from "effect-tus"
import * as Either from "effect/Either"
import * as FastCheck from "effect/FastCheck"
import * as Option from "effect/Option"
import { bytes, id, now, policy } from "../protocol/arbitraries.js"

const number = (text: string | undefined) => Option.map(Option.fromNullable(text), (text) => bytes(Number(text)))

const bodyOf = (headers: Message.Headers): Transfer.Body => ({
  contentLength: number(headers["content-length"]),
  checksum: { _tag: "None" },
  isLast: Option.some(headers["more"] !== "yes")
})

const statuses: Partial<Record<Refusal.Refusal["_tag"], number>> = { OffsetMismatch: 412, UploadNotFound: 404 }

const places = (reply: Reply.Reply) => JSON.stringify(reply)

/** PUT creates, POST appends, GET inspects; answers are JSON. */
const second: WireDialect.Dialect = {
  name: "second",
  decode: ({ headers, method, url }, mount) => {
    const target = Target.of(url, mount)
    const collection = Target.collection(target)
    const upload = Target.upload(target)
    if (method === "PUT" && Option.isSome(collection)) {
      const request: Create.Request = {
        ...bodyOf(headers),
        dialect: "second",
        length: number(headers["size"]),
        isDeferred: headers["size"] === undefined,
        metadata: Option.none(),
        kind: { _tag: "Whole" },
        brings: { _tag: "Bytes" }
      }
      return Either.right(Command.Command.Create({ collection: collection.value, request }))
    }
    if (Option.isNone(upload)) {
      return Either.left(new Refusal.UploadNotFound({ id: url }))
    }
    const offset = number(headers["from"])
    return method === "GET"
      ? Either.right(Command.Command.Inspect({ id: upload.value }))
      : method !== "POST"
      ? Either.left(new HttpRefusal.MethodNotAllowed({ method, allow: ["PUT", "POST", "GET"] }))
      : Option.isNone(offset)
      ? Either.left(HttpRefusal.invalidHeader("from", "expected where the bytes belong"))
      : Either.right(Command.Command.Append({
        id: upload.value,
        request: { ...bodyOf(headers), offset: offset.value, length: number(headers["size"]) }
      }))
  },
  encode: ({ reply }) => ({ status: 200, headers: { "content-type": "application/json" }, body: places(reply) }),
  refuse: (refusal) =>
    second.sentence(Object.entries(statuses).find(([tag]) => tag === refusal._tag)?.[1] ?? 400, refusal.message),
  sentence: (status, text, headers = {}) => ({ status, headers, body: text }),
  fields: { request: ["From", "More", "Size"], response: [] }
}

const mount = { path: "/files" }

/** A server of one upload: bytes are counted and not kept. */
const makeServer = (rules: Policy.Policy) => {
  let upload: Upload.Upload | undefined

  const receive = (plan: Transfer.Plan, sent: number) => {
    const received = Math.min(sent, plan.room)
    const ending = sent > plan.room ? "Overrun" as const : "Ended" as const
    const settled = Transfer.settle(plan, { received, ending, verdict: Either.void }, now, rules)
    upload = settled.upload
    return Option.match(settled.refusal, { onNone: () => Either.right(settled.upload), onSome: Either.left })
  }

  const perform = (command: Command.Command, sent: number): Either.Either<Reply.Reply, Refusal.Refusal> => {
    if (command._tag === "Create") {
      return Create.decide(command.request, { id: id("a"), parts: [], now }, rules).pipe(
        Either.flatMap((created) =>
          Option.match(created.plan, {
            onNone: () => Either.right(created.upload),
            onSome: (plan) => receive(plan, sent)
          })
        ),
        Either.map((upload) => Create.respond(upload, command.collection, command.request))
      )
    }
    if (upload === undefined || command._tag === "Discover" || command.id !== upload.id) {
      return Either.left(new Refusal.UploadNotFound({ id: "nothing" }))
    }
    return command._tag === "Append"
      ? Append.decide(upload, command.request, now, rules).pipe(
        Either.flatMap((plan) => receive(plan, sent)),
        Either.map(Append.respond)
      )
      : Inspect.decide(upload, [], now)
  }

  const ask = (method: string, url: string, headers: Record<string, string> = {}) =>
    Either.match(
      Either.flatMap(second.decode({ method, url, headers }, mount), (command) =>
        perform(command, Number(headers["content-length"] ?? 0))),
      {
        onLeft: second.refuse,
        onRight: (reply) =>
          second.encode({ reply })
      }
    )

  return { ask, state: () => upload ?? assert.fail("no upload") }
}

const url = `/files/${id("a")}`
const eternal: Policy.Policy = { ...policy, expiresAfter: Option.none() }

describe("a second dialect", () => {
  it("completes an upload of unknown length when the client says so", () => {
    const { ask, state } = makeServer(eternal)
    const created = ask("PUT", "/files", { more: "yes", "content-length": "3" })
    deepStrictEqual([created.status, created.body], [
      200,
      places({
        _tag: "Created",
        url,
        offset: Option.some(bytes(3)),
        expires: Option.none()
      })
    ])
    assert.isTrue(state().isOpen)
    assert.strictEqual(state().dialect, "second")
    ask("POST", url, { from: "3", "content-length": "4" })
    deepStrictEqual([state().offset, state().length], [bytes(7), Option.some(bytes(7))])
    assert.strictEqual(state().completion._tag, "Complete")
    assert.include(ask("GET", url).body ?? "", "Inspected")
  })

  it("leaves a full upload open until the client says that its last bytes were sent, even with no more bytes", () => {
    const { ask, state } = makeServer({ ...eternal, finishes: true })
    ask("PUT", "/files", { size: "3", more: "yes", "content-length": "3" })
    deepStrictEqual([state().offset, state().completion._tag], [bytes(3), "Open"])
    ask("POST", url, { from: "3", "content-length": "0" })
    assert.strictEqual(state().completion._tag, "Finishing")
  })

  it("refuses last bytes that do not reach the length, and keeps them", () => {
    const { ask, state } = makeServer(eternal)
    const { body, status } = ask("PUT", "/files", { size: "9", "content-length": "3" })
    deepStrictEqual([status, body], [400, "expected 9, as declared before, got 3"])
    deepStrictEqual([state().offset, state().completion._tag], [bytes(3), "Open"])
  })

  it("refuses with statuses and texts of its own, by the same rules", () => {
    const { ask } = makeServer(eternal)
    ask("PUT", "/files", { more: "yes", "content-length": "3" })
    const { body, headers, status } = ask("POST", url, { from: "2", "content-length": "1" })
    deepStrictEqual([status, headers, body], [412, {}, "expected 3, where the upload stands, got 2"])
    assert.strictEqual(ask("POST", url, {}).status, 400)
    assert.strictEqual(ask("GET", "/elsewhere").status, 404)
  })

  it.prop("an upload is complete if and only if its last bytes were announced and accepted", [
    FastCheck.array(FastCheck.record({ size: FastCheck.nat(3), last: FastCheck.boolean() }), { maxLength: 8 }),
    FastCheck.option(FastCheck.nat(12))
  ], ([requests, length]) => {
    const { ask, state } = makeServer(eternal)
    ask("PUT", "/files", { more: "yes", ...(length === null ? {} : { size: String(length) }) })
    for (const { last, size } of requests) {
      const { offset, isOpen } = state()
      const { status } = ask("POST", url, {
        from: String(offset),
        "content-length": String(size),
        ...(last ? {} : { more: "yes" })
      })
      assert.strictEqual(state().isOpen, isOpen && !(last && status === 200))
      assert.isTrue(isOpen || state().offset === offset)
      assert.isTrue(state().isOpen || Option.contains(state().length, state().offset))
    }
  })
})

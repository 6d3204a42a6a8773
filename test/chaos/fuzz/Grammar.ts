/**
 * Generates requests: valid ones, and ones with faults. Each generator also knows what its values mean.
 */
import * as FastCheck from "effect/FastCheck"
import {
  absent,
  type Ask,
  type Checksum,
  type Concat,
  limits,
  plain,
  type Said,
  type Step,
  type Story,
  type Target
} from "./Story.js"

const weighted = <A>(...options: ReadonlyArray<readonly [weight: number, arbitrary: FastCheck.Arbitrary<A>]>) =>
  FastCheck.oneof(...options.map(([weight, arbitrary]) => ({ weight, arbitrary })))

const { constant, constantFrom, record } = FastCheck
const upload = FastCheck.nat(5)

const say = <A>(means: A, ...lines: ReadonlyArray<string>): Said<A> => ({ lines, means })
const nonsense = (...lines: ReadonlyArray<string>): Said<never> => ({ lines, means: null })
const saids = <A>(...options: ReadonlyArray<Said<A>>): FastCheck.Arbitrary<Said<A>> => constantFrom(...options)

const number = weighted(
  [8, FastCheck.nat(limits.maxSize).map((n) => say(n, String(n)))],
  [4, constant(say(limits.maxSize, String(limits.maxSize)))],
  [3, saids<number>(say(3, "03"), say(0, "0000000000000000"), say(11, "11"), say(2 ** 53 - 1, "9007199254740991"))]
)
const noNumber = constantFrom(
  ...["", "-1", "+1", "1.0", "0x1", "1e1", "1 1", "9007199254740992", "00000000000000001", "one"].map((n) =>
    nonsense(n)
  ),
  nonsense("1", "1"),
  nonsense("1", "2")
)

const metadata = saids(
  ...["a YQ==", "a", "a YQ==,b", "a YQ==, b Yg==", `${"k".repeat(59)} YQ==`].map((line) => say(line, line)),
  say("a YQ==, b Yg==", "a YQ==", "b Yg=="),
  ...[",a YQ==,", "a,,b"].map((line) => say(line, line)),
  say("a YQ==, ", "a YQ==", ""),
  say("", ",")
)
const noMetadata = constantFrom(
  ...[`${"k".repeat(60)} YQ==`, "a YQ", "a YQ== b", "a,a", "a,,a", "é YQ=="].map((line) => nonsense(line)),
  nonsense("a", "a")
)

const elsewhere = constantFrom<Target>(
  ...["z".repeat(32), "..", "a".repeat(21), "a".repeat(129), "%2e%2e%2f".repeat(8), `${"a".repeat(22)}.`].map((id) => ({
    _tag: "Path" as const,
    path: `/files/${id}`,
    beneath: true
  })),
  ...[
    "/",
    "/other",
    `/other/${"z".repeat(32)}`,
    `/files/x/${"z".repeat(32)}`,
    "/filesz",
    "//files",
    "/\\files",
    "//evil.example/files"
  ].map((path) => ({
    _tag: "Path" as const,
    path,
    beneath: false
  }))
)

const final = record({
  _tag: constant("Final" as const),
  parts: FastCheck.array(upload, { minLength: 1, maxLength: 3 }),
  prefix: constantFrom("/files/", "http://localhost/files/")
})
const noConcat = weighted<Concat>(
  [1, final.map(({ parts, ...rest }) => ({ ...rest, parts: [...parts, -1] }))],
  [
    2,
    constantFrom("", "final", "final;", "final; ", "whole", "partial, partial", `final;/other/${"z".repeat(32)}`)
      .map((line) => ({ _tag: "Malformed" as const, line }))
  ]
)

const vouched = (right: boolean) =>
  record({
    _tag: constantFrom("Header" as const, "Trailer" as const),
    algorithm: constantFrom("sha1" as const, "md5" as const, "sha256" as const),
    right: constant(right)
  })
const noChecksum = weighted<Checksum>(
  [3, vouched(false)],
  [1, constantFrom({ _tag: "Announced" as const }, { _tag: "Both" as const })],
  [
    1,
    constantFrom([""], ["sha1"], ["sha1 !"], ["sha1 YQ=="], ["sha3 YQ=="], ["SHA1 YQ=="], ["sha1 YQ==", "sha1 YQ=="])
      .map((lines) => ({ _tag: "Malformed" as const, lines }))
  ]
)

const type = "application/offset+octet-stream"
const octets = say(true as const, type)

const letters = "abcdefghijklmnopqrstuvwxyz".repeat(2)

const body = FastCheck.tuple(FastCheck.oneof(FastCheck.nat(4), FastCheck.nat(limits.maxSize)), FastCheck.nat(25)).map((
  [n, from]
) => letters.slice(from, from + n))

type Constants = { readonly [K in keyof Ask]: FastCheck.Arbitrary<Ask[K]> }

/** Any valid request, except that its offset may be wrong. */
const sound = {
  ...(Object.fromEntries(Object.entries(plain).map(([name, value]) => [name, constant(value)])) as Constants),
  origin: weighted([9, constant("")], [1, constant("http://example.org")]),
  suffix: weighted([9, constant("")], [1, constantFrom("/", "?a=/b", "///?x")]),
  contentType: weighted<Ask["contentType"]>([9, constant(octets)], [
    1,
    saids<true>(
      ...["; charset=utf-8", ";a=\"b,c\" ;", " ; A=b"].map((more) => say(true as const, `${type}${more}`)),
      say(true, type.toUpperCase())
    )
  ]),
  checksum: weighted<Checksum>([5, constant({ _tag: "None" })], [2, vouched(true)]),
  framing: constantFrom<Ask["framing"]>("Length", "Chunked"),
  body,
  pieces: FastCheck.array(FastCheck.nat(limits.maxSize), { maxLength: 3 }),
  expect: weighted([20, constant(false)], [1, constant(true)])
}

const without = { contentType: constant(absent), framing: constant("None" as const) }
const length = weighted<Pick<Ask, "length" | "deferLength">>(
  [4, record({ length: number, deferLength: constant(absent) })],
  [1, constant({ length: absent, deferLength: say(true as const, "1") })]
)

const verbs = ["POST", "PATCH", "HEAD", "DELETE", "OPTIONS"]

const creation = FastCheck.tuple(
  record({
    ...sound,
    method: constant("POST"),
    target: constant<Target>({ _tag: "Collection" }),
    metadata: weighted<Said<string>>([3, constant(absent)], [1, metadata]),
    concat: constantFrom<Concat>({ _tag: "None" }, { _tag: "Partial" }, { _tag: "Partial" })
  }),
  length,
  weighted<Partial<Ask>>([1, record(without)], [1, constant({})])
).map(([ask, length, without]): Ask => ({ ...ask, ...length, ...without }))

const concatenation: FastCheck.Arbitrary<Ask> = record({
  ...sound,
  ...without,
  method: constant("POST"),
  target: constant<Target>({ _tag: "Collection" }),
  concat: final
})

const about = (method: string): FastCheck.Arbitrary<Ask> =>
  record({
    ...sound,
    ...(method === "PATCH" ? {} : without),
    method: constant(method),
    target: record({ _tag: constant("Upload" as const), upload }),
    length: weighted<Said<number>>([1, method === "PATCH" ? number : constant(absent)], [5, constant(absent)])
  })

/** One fault or unusual feature. */
const spoils: FastCheck.Arbitrary<Partial<Ask>> = FastCheck.oneof(
  record({ method: constantFrom(...verbs, "GET", "PUT", "TRACE") }),
  record({ override: constantFrom(...verbs.map((verb) => say(verb, verb)), say("PATCH", "patch")) }),
  record({ override: constantFrom(nonsense("GET"), nonsense(""), nonsense("PATCH", "PATCH")) }),
  record({ version: constantFrom(absent, nonsense("0.2.2"), nonsense("1.0.0", "1.0.0"), nonsense("1.0.0 x")) }),
  record({ target: elsewhere }),
  record({ target: constant({ _tag: "Collection" as const }) }),
  record({
    contentType: constantFrom(
      absent,
      nonsense("text/plain"),
      nonsense(`${type}; charset`),
      nonsense(type, "text/plain")
    )
  }),
  record({
    coding: weighted<Said<true>>(
      [2, constantFrom(nonsense("gzip"), nonsense("identity", "br"), nonsense("identity;q=1"))],
      [1, saids<true>(say(true, ""), say(true, "Identity"), say(true, "identity", ", identity"))]
    )
  }),
  record({ offset: constantFrom(-1, 1) }),
  record({ offset: weighted<Said<number>>([2, number], [3, noNumber], [1, constant(absent)]) }),
  record({ length: weighted<Said<number>>([2, number], [3, noNumber], [1, constant(absent)]) }),
  record({ deferLength: constantFrom(say(true as const, "1"), nonsense("0"), nonsense("1", "1"), nonsense("")) }),
  record({ metadata: noMetadata }),
  record({ concat: noConcat }),
  record({ checksum: noChecksum }),
  record({ framing: constantFrom<Ask["framing"]>("None", "Length", "Chunked") }),
  record({ body: body.map((text) => `${text}0123456789`) }),
  record({ cut: FastCheck.oneof(FastCheck.nat(2), FastCheck.nat(limits.maxSize)) }),
  record({ long: constant(true) })
)

/** Removes contradictions: no body without framing, no cut behind the end, nothing after a cut. */
const tidy = (ask: Ask): Ask => {
  const body = ask.framing === "None" ? "" : ask.body
  const isCut = ask.cut !== null && (ask.framing === "Chunked" ? ask.cut <= body.length : ask.cut < body.length)
  return { ...ask, body, cut: isCut ? ask.cut : null, long: ask.long && !isCut }
}

const spoilt = (ask: FastCheck.Arbitrary<Ask>): FastCheck.Arbitrary<Ask> =>
  FastCheck.tuple(
    ask,
    weighted<ReadonlyArray<Partial<Ask>>>([3, constant([])], [
      2,
      FastCheck.array(spoils, { minLength: 1, maxLength: 2 })
    ])
  ).map(([ask, spoils]) => tidy(Object.assign({}, ask, ...spoils)))

const step = weighted<Step>(
  [6, spoilt(creation)],
  [4, spoilt(concatenation)],
  [16, spoilt(about("PATCH"))],
  [3, spoilt(about("HEAD"))],
  [2, spoilt(about("DELETE"))],
  [1, record({ _tag: constant("Expire" as const), upload })]
)

/** A part, complete or not. */
const part: FastCheck.Arbitrary<Ask> = FastCheck.tuple(
  record({
    ...sound,
    method: constant("POST"),
    concat: constant<Concat>({ _tag: "Partial" }),
    body: FastCheck.tuple(FastCheck.nat(3), FastCheck.nat(25)).map(([n, from]) => letters.slice(from, from + n))
  }),
  FastCheck.nat(1)
).map(([ask, missing]) => ({ ...ask, length: say(ask.body.length + missing, String(ask.body.length + missing)) }))

const ofTwo = record({
  ...sound,
  ...without,
  concat: record({
    _tag: constant("Final" as const),
    parts: FastCheck.array(FastCheck.nat(1), { minLength: 1, maxLength: 3 }),
    prefix: constant("/files/")
  })
})

/** Stories start with an upload, or with parts and their final. */
export const stories: FastCheck.Arbitrary<Story> = FastCheck.tuple(
  FastCheck.oneof(
    FastCheck.tuple(creation.map(tidy)),
    FastCheck.tuple(part, part, ofTwo)
  ),
  FastCheck.array(step, { maxLength: 9, size: "max" })
).map(([opening, rest]) => [...opening, ...rest])

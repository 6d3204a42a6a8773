/**
 * The contract of a lock for several processes over one database. `UploadLockSuite` tests what a process may expect of
 * its own lock; this is what processes may expect of each other: when one is paused, dies, or hears nothing.
 */
import { assert, describe, it } from "@effect/vitest"
import { deepStrictEqual } from "@effect/vitest/utils"
import { Upload, UploadLock, UploadRegistry } from "effect-tus"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"

type Id = Upload.UploadId

/** One process with a lock of its own. */
export interface Member {
  /** Starts something in it. */
  readonly fork: (run: Effect.Effect<unknown, unknown, UploadLock.UploadLock | UploadRegistry.UploadRegistry>) => void
  /** It does nothing from now on, until it goes on. */
  readonly pause: () => void
  readonly resume: () => void
  readonly kill: () => void
  /** Whether the database gets its statements; whether it gets their results; whether it hears what others want. */
  readonly connect: (
    how: { readonly statements?: boolean; readonly results?: boolean; readonly hints?: boolean }
  ) => void
}

/** One database, and time. */
export interface Installation {
  /** A new process on the database. */
  readonly start: () => Promise<Member>
  /** Lets time pass, in milliseconds. */
  readonly pass: (millis: number) => Promise<void>
}

/** How the lock waits, in milliseconds. */
export interface Options {
  /** How long a process is taken for alive after it was heard of. */
  readonly lease: number
  /** How long it may take until a hint that was lost does no harm any more. */
  readonly poll: number
}

/** Somebody who wants an upload, and leaves it when told to. */
class Visit {
  fence: number | undefined
  isAsked = false
  /** How it has ended, if it has: true if it was inside. */
  ended: boolean | undefined
  leave: () => void = () => {}

  constructor(member: Member, id: Id, { isObedient = true, waits = true } = {}) {
    const use = (lease: UploadLock.Lease) =>
      Effect.async<boolean>((resume) => {
        this.fence = lease.fence
        this.leave = () => resume(Effect.succeed(true))
        lease.onRequested(() => {
          this.isAsked = true
          if (isObedient) {
            this.leave()
          }
        })
      })
    member.fork(
      Effect.flatMap(UploadLock.UploadLock, (lock) =>
        waits
          ? lock.withLock(id, use)
          : Effect.map(lock.withLockIfFree(id, use), Option.getOrElse(() => false))).pipe(
          Effect.orElseSucceed(() => false),
          Effect.map((wasInside) => {
            this.ended = wasInside
          })
        )
    )
  }

  get isInside(): boolean {
    return this.fence !== undefined && this.ended === undefined
  }
}

/** Declares the tests in the file that calls it, under `name`. Each test installs anew. */
export const suite = (name: string, install: () => Installation, { lease, poll }: Options): void => {
  /** Longer than a hint or a statement takes when nothing is lost. */
  const soon = poll / 4

  const test = (title: string, run: (installation: Installation, a: Member, b: Member) => Promise<void>) =>
    it(title, async () => {
      const installation = install()
      await run(installation, await installation.start(), await installation.start())
    })

  describe(name, () => {
    test("lets one in at a time, whichever process it is in", async ({ pass }, a, b) => {
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      const others = [new Visit(b, x), new Visit(a, x), new Visit(b, x)]
      await pass(10 * lease)
      assert.isTrue(first.isInside)
      deepStrictEqual(others.map(({ fence }) => fence), [undefined, undefined, undefined])
      first.leave()
      await pass(10 * poll)
      const last = others.filter(({ isInside }) => isInside)
      assert.strictEqual(last.length, 1)
      last.forEach(({ leave }) => leave())
      await pass(soon)
      const fences = [first, ...others].map(({ fence = 0 }) => fence)
      assert.strictEqual(new Set(fences).size, 4)
      assert.isTrue(fences.every((fence) => fence >= (first.fence ?? Infinity)), "a later fence is lower")
    })

    test("asks the holder in another process to leave, and gives its upload on at once", async ({ pass }, a, b) => {
      const first = new Visit(a, x)
      await pass(soon)
      assert.isFalse(first.isAsked)
      const second = new Visit(b, x)
      await pass(soon)
      assert.isTrue(first.isAsked)
      assert.isTrue(second.isInside)
    })

    test("asks nobody to leave for another upload, or for one who does not wait", async ({ pass }, a, b) => {
      const first = new Visit(a, x)
      await pass(soon)
      const other = new Visit(b, y)
      const sweeper = new Visit(b, x, { waits: false })
      await pass(2 * lease)
      assert.isFalse(first.isAsked)
      assert.isTrue(other.isInside)
      assert.strictEqual(sweeper.ended, false)
    })

    test(
      "asks the holder within a poll if the hint is lost, and the waiter notices as late",
      async ({ pass }, a, b) => {
        a.connect({ hints: false })
        b.connect({ hints: false })
        const first = new Visit(a, x)
        await pass(soon)
        const second = new Visit(b, x)
        await pass(2 * poll + soon)
        assert.isTrue(first.isAsked)
        assert.isTrue(second.isInside)
      }
    )

    test("keeps the upload of a process that is paused for less than its lease", async ({ pass }, a, b) => {
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      a.pause()
      const second = new Visit(b, x)
      await pass(lease / 2)
      a.resume()
      await pass(2 * lease)
      assert.isTrue(first.isInside)
      assert.isUndefined(second.fence)
    })

    test("takes the upload of a process that is paused past its lease, with a higher fence", async ({ pass }, a, b) => {
      a.connect({ hints: false })
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      a.pause()
      const second = new Visit(b, x, { isObedient: false })
      await pass(lease / 2)
      assert.isUndefined(second.fence)
      await pass(lease)
      assert.isTrue(second.isInside)
      assert.isAbove(second.fence ?? 0, first.fence ?? Infinity)
      a.resume()
      await pass(2 * poll + soon)
      assert.isTrue(first.isAsked, "it does not hear that its upload is lost")
      first.leave()
      const third = new Visit(a, x)
      await pass(2 * lease)
      assert.isTrue(second.isInside)
      assert.isUndefined(third.fence, "its late release has freed the upload of its successor")
    })

    test("gives the upload of a dead process to one of those who wait for it", async ({ pass, start }, a, b) => {
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      a.kill()
      const c = await start()
      const waiters = [b, c, b, c].map((member) => new Visit(member, x, { isObedient: false }))
      await pass(lease / 2)
      deepStrictEqual(waiters.map(({ fence }) => fence), [undefined, undefined, undefined, undefined])
      await pass(lease)
      assert.strictEqual(waiters.filter(({ isInside }) => isInside).length, 1)
      assert.isTrue(waiters.every(({ fence = Infinity }) => fence > (first.fence ?? Infinity)))
    })

    test("does not take a process for alive that has come back under the same roof", async ({ pass, start }, a) => {
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      a.kill()
      const again = new Visit(await start(), x)
      await pass(lease + 2 * poll)
      assert.isTrue(again.isInside)
      assert.isAbove(again.fence ?? 0, first.fence ?? Infinity)
    })

    test("tells writers to leave if the database cannot be reached for a lease", async ({ pass }, a, b) => {
      const first = new Visit(a, x)
      await pass(soon)
      a.connect({ statements: false, hints: false })
      const second = new Visit(b, x)
      await pass(3 * lease)
      assert.isTrue(first.isAsked)
      assert.isTrue(second.isInside)
    })

    test("frees an upload whose release did not arrive", async ({ pass }, a, b) => {
      const first = new Visit(a, x)
      await pass(soon)
      a.connect({ statements: false })
      first.leave()
      await pass(soon)
      a.connect({ statements: true })
      const second = new Visit(b, x)
      await pass(3 * poll)
      assert.isTrue(second.isInside)
    })

    test("frees an upload of which its holder was not told", async ({ pass }, a, b) => {
      a.connect({ results: false })
      const first = new Visit(a, x)
      await pass(soon)
      a.connect({ results: true })
      await pass(3 * poll)
      assert.strictEqual(first.ended, false)
      const second = new Visit(b, x)
      await pass(3 * poll)
      assert.isTrue(second.isInside)
    })

    test("refuses what a process writes after another has claimed its upload", async ({ pass }, a, b) => {
      const told: Array<string> = []
      const first = new Visit(a, x, { isObedient: false })
      await pass(soon)
      a.fork(
        Effect.flatMap(
          UploadRegistry.UploadRegistry,
          (registry) => registry.create(upload, { fence: first.fence ?? 0, durable: true })
        )
      )
      await pass(soon)
      a.pause()
      const second = new Visit(b, x, { isObedient: false })
      await pass(2 * lease)
      b.fork(Effect.flatMap(UploadRegistry.UploadRegistry, ({ claim }) => claim(x, second.fence ?? 0)))
      await pass(soon)
      a.resume()
      a.fork(
        Effect.flatMap(
          UploadRegistry.UploadRegistry,
          (registry) =>
            Effect.flatMap(
              registry.get(x),
              (entry) => registry.commit(Option.getOrThrow(entry), upload, { fence: first.fence ?? 0, durable: true })
            ).pipe(
              Effect.match({
                onFailure: ({ _tag }) => void told.push(_tag),
                onSuccess: () => void told.push("committed")
              })
            )
        )
      )
      await pass(soon)
      deepStrictEqual(told, ["Superseded"])
    })
  })
}

const x = Upload.UploadId.make("x".repeat(22))
const y = Upload.UploadId.make("y".repeat(22))

const upload = Upload.Upload.of({
  id: x,
  kind: { _tag: "Whole" },
  offset: Upload.Bytes.make(0),
  length: Option.some(Upload.Bytes.make(10)),
  metadata: Option.none(),
  createdAt: DateTime.unsafeMake(0),
  expiresAt: Option.none(),
  expiryIsFixed: false,
  completion: { _tag: "Open" },
  owner: Option.none(),
  dialect: "tus"
})

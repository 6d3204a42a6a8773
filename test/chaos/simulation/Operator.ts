/**
 * An operator who replaces the server's database between two of its lives, and what must follow: a database that does
 * not belong to the directory is refused until the right one is back or the server is told to adopt it. An unchanged
 * directory is never refused.
 */
import { Pairing, type UploadRegistry } from "effect-tus"
import * as Cause from "effect/Cause"
import * as Option from "effect/Option"
import * as Database from "./Database.js"
import * as Dice from "./Dice.js"
import { condemnedOf, idOf, pathOf } from "./Paths.js"
import type { Loss } from "./Story.js"
import type { World } from "./World.js"

/** A wrong database, and the right one. */
interface Wrong {
  readonly copy: Database.Copy
  readonly right: Database.Copy
  readonly loss: Loss
}

export class Operator {
  private wrong: Wrong | undefined
  /** Whether the server is told to adopt the wrong database. */
  adopts = false
  /** States have returned whose bytes may be elsewhere or gone, until a server has started. */
  private isMending = false
  /** The database before the adopted one. */
  private former: Database.Copy | undefined
  private readonly world: World

  constructor(world: World) {
    this.world = world
  }

  /** Whether the bytes of states cannot be checked now. */
  get isAtWork(): boolean {
    return this.isMending || this.wrong !== undefined
  }

  begin(): void {
    this.world.story.losses.forEach((loss) => this.world.kernel.schedule(loss.at, () => this.lose(loss)))
  }

  private lose(loss: Loss): void {
    const { database, servers, story, acknowledgedBytes } = this.world
    if (this.world.isCalm || this.isAtWork) {
      return
    }
    const dice = Dice.make(story.seed, loss.at, 13)
    servers.exchange(dice, () => {
      // Only now: at its end, the server may have created a file.
      const { hasBytes } = this
      const right = database.copy()
      const copy = this.choose(loss, hasBytes, dice)
      this.world.met.add(loss.what)
      this.world.note(() => `the database is ${loss.what}: ${copy.log.length} of ${right.log.length} writes`)
      this.world.trouble()
      acknowledgedBytes.gather()
      const name = Database.nameOf(copy)?.name
      if (hasBytes && (name === undefined || name !== Database.nameOf(right)?.name)) {
        this.wrong = { copy, right, loss }
        database.place(copy)
      } else {
        this.enter(copy)
      }
    })
  }

  /** Whether there are bytes that somebody may want. */
  private get hasBytes(): boolean {
    const { disk } = this.world
    return disk.files().some((path) => {
      const id = idOf(path) ?? "nobody"
      return path.startsWith(pathOf(id)) && disk.find(condemnedOf(id)) === undefined
    })
  }

  private choose({ what }: Loss, hasBytes: boolean, dice: Dice.Dice): Database.Copy {
    const { database } = this.world
    switch (what) {
      case "lost database":
        return Database.lost
      case "empty database":
        return Database.empty
      case "older database":
        return database.copy(dice)
      case "other database":
        return hasBytes ? Database.other : Database.lost
      case "former database":
        return hasBytes && this.former !== undefined ? this.former : database.copy(dice)
    }
  }

  /** From now on the server should have the states of `copy`, which are older than what clients were told. */
  private enter(copy: Database.Copy): void {
    this.isMending = true
    this.world.application.forget()
    this.world.promises.replaced(this.world.database.enter(copy))
  }

  /** A server has refused to start. */
  refused(cause: Cause.Cause<unknown>): void {
    const error = Option.getOrUndefined(Cause.failureOption(cause))
    if (!(error instanceof Pairing.StoreMismatch)) {
      return
    }
    const isRight = this.wrong !== undefined && !this.adopts
    this.world.claim(isRight, "P1", () => `a directory that belongs to its database is refused: ${error.message}`)
    if (this.wrong === undefined) {
      return
    }
    const { copy, loss, right } = this.wrong
    if (loss.mend === "adopt") {
      this.adopts = true
      this.enter(copy)
    } else {
      this.wrong = undefined
      this.world.database.enter(right)
    }
  }

  /** A server has started. */
  started(): void {
    const { database: { states }, promises: { damaged } } = this.world
    if (this.wrong !== undefined) {
      this.world.claim(
        this.adopts || !this.hasBytes,
        "P1",
        () => `a server starts beside bytes that are not those of its ${this.wrong?.loss.what}`
      )
      // A power cut has lost the bytes meanwhile.
      if (!this.adopts) {
        this.world.application.forget()
        this.world.promises.replaced(this.world.database.accept())
      }
      this.former = this.wrong.right
    }
    if (this.isMending) {
      states.all().filter((entry) => !this.isWhole(entry)).forEach(({ upload: { id } }) => damaged.add(id))
    }
    this.wrong = undefined
    this.adopts = false
    this.isMending = false
  }

  /** Whether an older state is still true. */
  private isWhole({ stored, synced, upload }: UploadRegistry.StoredUpload): boolean {
    const { sources } = this.world
    return sources.isGenuine(upload) && sources.stored(upload.id).length >= upload.offset &&
      sources.isLasting(upload.id, Math.min(synced, stored))
  }
}

/**
 * The entry of one upload in the journal, kept up to date. Writes go one at a time and are never cut off: the last one
 * is what stays, and what was removed stays removed.
 */
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type { Journal, JournalEntry } from "./UploadJournal.js"

/** Where the upload stands. */
export interface Checkpoint {
  readonly url: string
  /** In bytes. */
  readonly acknowledged: number
  readonly expires: Option.Option<DateTime.Utc>
}

export interface JournalWriter {
  /** Takes the checkpoint down. It is written at the latest by `close`. */
  readonly note: (checkpoint: Checkpoint) => Effect.Effect<void>
  /**
   * Writes the last checkpoint, with the digest of the bytes so far. Called before bytes go out, so that no session
   * that is killed leaves bytes on the server that the journal knows no digest of.
   */
  readonly write: Effect.Effect<void>
  /**
   * Another upload takes the place of this one, or of the upload of `entry`. The old entry stays for a while: one that
   * is gone until the new upload is written down, one that was refused until the new upload is complete.
   */
  readonly replace: (why: "Gone" | "Refused", entry?: JournalEntry) => Effect.Effect<void>
  /** Removes the entry. */
  readonly forget: Effect.Effect<void>
  /** The server has all of the source: removes the entry, and those that were replaced. */
  readonly complete: Effect.Effect<void>
  /** Writes the last checkpoint, and stops. */
  readonly close: Effect.Effect<void>
}

interface State {
  noted: Option.Option<Checkpoint>
  /** The entry of this upload as it was written last. */
  written: Option.Option<JournalEntry>
  replaced: { readonly Gone: ReadonlyArray<JournalEntry>; readonly Refused: ReadonlyArray<JournalEntry> }
  /** The fiber that writes every second, once there is a checkpoint. */
  writing: Option.Option<Fiber.RuntimeFiber<never>>
}

/** @param entryOf - the entry of a checkpoint, with the digest of the bytes so far */
export const make = (
  journal: Journal,
  entryOf: (checkpoint: Checkpoint, updated: DateTime.Utc) => JournalEntry
): JournalWriter => {
  const state: State = {
    noted: Option.none(),
    written: Option.none(),
    replaced: { Gone: [], Refused: [] },
    writing: Option.none()
  }
  const turns = Effect.unsafeMakeSemaphore(1)
  const inTurn = (effect: Effect.Effect<void>) => Effect.uninterruptible(turns.withPermits(1)(effect))
  const removeAll = Effect.forEach((entry: JournalEntry) => journal.remove(entry), { discard: true })

  const write = inTurn(Effect.flatMap(DateTime.now, (updated) => {
    const entry = Option.map(state.noted, (checkpoint) => entryOf(checkpoint, updated))
    if (Option.isNone(entry) || Option.exists(state.written, (last) => saysSame(last, entry.value))) {
      return Effect.void
    }
    state.written = entry
    const gone = state.replaced.Gone.filter(({ url }) => url !== entry.value.url)
    state.replaced = { ...state.replaced, Gone: [] }
    return Effect.zipRight(journal.put(entry.value), removeAll(gone))
  }))

  const begin = Effect.uninterruptible(Effect.suspend(() =>
    Option.isSome(state.writing) ? Effect.void : Effect.map(
      Effect.forkDaemon(Effect.interruptible(Effect.forever(Effect.delay(write, interval)))),
      (fiber) => {
        state.writing = Option.some(fiber)
      }
    )
  ))

  /** The entry that was written is no longer of this upload. */
  const leave = Effect.sync(() => {
    const last = Option.toArray(state.written)
    state.noted = Option.none()
    state.written = Option.none()
    return last
  })
  const forget = inTurn(Effect.flatMap(leave, removeAll))

  return {
    note: (checkpoint) =>
      Effect.suspend(() => {
        const isFirst = Option.isNone(state.noted)
        state.noted = Option.some(checkpoint)
        return Effect.when(Effect.zipRight(begin, write), () => isFirst)
      }),
    write,
    replace: (why, entry) =>
      inTurn(Effect.map(leave, (last) => {
        const entries = [...state.replaced[why], ...last, ...(entry === undefined ? [] : [entry])]
        state.replaced = { ...state.replaced, [why]: entries }
      })),
    forget,
    complete: Effect.suspend(() =>
      isBlank(state) ? Effect.void : Effect.zipRight(
        forget,
        inTurn(Effect.suspend(() => removeAll([...state.replaced.Gone, ...state.replaced.Refused])))
      )
    ),
    close: Effect.suspend(() =>
      Option.match(state.writing, {
        onNone: () => Option.isNone(state.noted) ? Effect.void : write,
        onSome: (fiber) => Effect.zipRight(Fiber.interrupt(fiber), write)
      })
    )
  }
}

/** Nothing was written, and nothing is to be removed. */
const isBlank = ({ noted, replaced, written }: State) =>
  Option.isNone(noted) && Option.isNone(written) && replaced.Gone.length === 0 && replaced.Refused.length === 0

/** The writer of an upload that is not remembered. */
export const none: JournalWriter = {
  note: () => Effect.void,
  write: Effect.void,
  replace: () => Effect.void,
  forget: Effect.void,
  complete: Effect.void,
  close: Effect.void
}

const saysSame = (one: JournalEntry, other: JournalEntry) =>
  one.url === other.url
  && one.acknowledged === other.acknowledged
  && lengthOf(one) === lengthOf(other)

const lengthOf = ({ prefix }: JournalEntry) => (Option.isSome(prefix) ? prefix.value.length : 0)

/** A session that is killed has sent at most this much that the digest in the journal does not cover. */
const interval = "1 second"

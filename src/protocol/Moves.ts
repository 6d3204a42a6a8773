/**
 * The legal moves of an upload's state, as a table. `Upload` has the methods that make the next state; each row names
 * the files that decide when. Tests compare the table with what the rules and a simulated server do, and the state
 * machine in `src/README.md` is drawn from it.
 *
 * Where the bytes lie is no part of the state: there is no row for a tail that moves from the registry into the byte
 * store, because its upload stays what it is.
 */
import * as Option from "effect/Option"
import type { Completion, Kind, Upload } from "./Upload.js"

/** The state that is stored. `None`: the upload does not exist, before its creation and after its removal. */
export type State = Completion["_tag"] | "None"

/** What happens to an upload. */
export type Event = "create" | "grow" | "keep" | "cut" | "fill" | "accept" | "reject" | "remove"

export interface Move {
  readonly from: State
  readonly event: Event
  readonly to: State
  /** The kinds of uploads that make this move. */
  readonly kinds: ReadonlyArray<Kind["_tag"]>
  readonly when: string
  /** The files that decide it, below `src`. */
  readonly by: ReadonlyArray<string>
}

const all = ["Whole", "Partial", "Final"] as const
/** Clients send bytes to these. */
const sent = ["Whole", "Partial"] as const
/** The hook sees these. */
const files = ["Whole", "Final"] as const

const create = "server/verbs/Create.ts"
const receive = "server/verbs/ReceiveBody.ts"
const assemble = "server/verbs/AssembleFinal.ts"
const complete = "server/verbs/CompleteUpload.ts"
const terminate = "server/verbs/Terminate.ts"
const sweeper = "server/operations/UploadSweep.ts"
const fsync = "store/FsyncTracker.ts"

/** Every move that there is: one that is not listed is a bug. */
export const moves: ReadonlyArray<Move> = [
  {
    from: "None",
    event: "create",
    to: "Open",
    kinds: all,
    when: "A client creates it. Some bytes may have come along.",
    by: [create]
  },
  {
    from: "None",
    event: "create",
    to: "Finishing",
    kinds: sent,
    when: "All its bytes came along, or it has none, and `onComplete` has to be asked, or the bytes to be sealed.",
    by: [create]
  },
  {
    from: "None",
    event: "create",
    to: "Complete",
    kinds: sent,
    when: "All its bytes came along, or it has none, and nothing else has to be done.",
    by: [create]
  },
  {
    from: "Open",
    event: "grow",
    to: "Open",
    kinds: sent,
    when: "More bytes count.",
    by: ["server/verbs/Checkpoints.ts", receive]
  },
  {
    from: "Open",
    event: "keep",
    to: "Open",
    kinds: all,
    when: "The same bytes count. Its length becomes known, its expiry is renewed, or an fsync is recorded.",
    by: [receive, fsync]
  },
  {
    from: "Open",
    event: "cut",
    to: "Open",
    kinds: sent,
    when: "Fewer bytes count: an fsync failed, power was cut, or bytes are lost.",
    by: [fsync, "sql/CrashRecovery.ts", "store/Reconciliation.ts"]
  },
  {
    from: "Open",
    event: "fill",
    to: "Finishing",
    kinds: all,
    when:
      "The last byte counts, or the parts of a final are joined, and `onComplete` has to be asked, or the bytes to be sealed.",
    by: [receive, assemble]
  },
  {
    from: "Open",
    event: "fill",
    to: "Complete",
    kinds: all,
    when: "Likewise, and nothing else has to be done. For a part no hook is asked.",
    by: [receive, assemble]
  },
  {
    from: "Finishing",
    event: "keep",
    to: "Finishing",
    kinds: all,
    when: "Its bytes are synced before the hook runs, or before they are sealed.",
    by: [complete]
  },
  {
    from: "Finishing",
    event: "cut",
    to: "Open",
    kinds: all,
    when: "That fsync failed.",
    by: [fsync]
  },
  {
    from: "Finishing",
    event: "accept",
    to: "Complete",
    kinds: all,
    when: "`onComplete` accepts it, or need not be asked. Its bytes are sealed, if the store seals.",
    by: [complete]
  },
  {
    from: "Finishing",
    event: "reject",
    to: "Rejected",
    kinds: files,
    when: "`onComplete` refuses it.",
    by: [complete]
  },
  {
    from: "Complete",
    event: "cut",
    to: "Open",
    kinds: ["Partial"],
    when: "A part has lost bytes, found when it was to be joined.",
    by: ["store/Reconciliation.ts"]
  },
  {
    from: "Open",
    event: "remove",
    to: "None",
    kinds: all,
    when: "A termination, an expiry, a creation that failed, or a final that can never be joined.",
    by: [terminate, sweeper, create, complete]
  },
  {
    from: "Finishing",
    event: "remove",
    to: "None",
    kinds: all,
    when: "A termination, or a creation that failed.",
    by: [terminate, create]
  },
  {
    from: "Complete",
    event: "remove",
    to: "None",
    kinds: all,
    when: "A termination, a creation that failed, or a part that no final needs any more.",
    by: [terminate, create, sweeper]
  },
  {
    from: "Rejected",
    event: "remove",
    to: "None",
    kinds: files,
    when: "A termination, or a creation that failed.",
    by: [terminate, create]
  }
]

/** The move from one stored state to the next; `Option.none` if it is illegal. */
export const between = (before: Option.Option<Upload>, after: Option.Option<Upload>): Option.Option<Move> => {
  const uploads = [before, after].flatMap(Option.toArray)
  return Option.fromNullable(
    moves.find(({ event, from, kinds, to }) =>
      from === stateOf(before) && to === stateOf(after) && uploads.every(({ kind }) => kinds.includes(kind._tag)) &&
      (from !== to || event === countOf(uploads))
    )
  )
}

const stateOf = (upload: Option.Option<Upload>): State =>
  Option.match(upload, { onNone: () => "None", onSome: ({ completion }) => completion._tag })

/** Moves that lead back to the state from which they start differ in the number of bytes that count. */
const countOf = ([before, after]: ReadonlyArray<Upload>): Event => {
  const grown = (after?.offset ?? 0) - (before?.offset ?? 0)
  return grown > 0 ? "grow" : grown < 0 ? "cut" : "keep"
}

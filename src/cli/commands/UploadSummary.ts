/**
 * An upload as an operator sees it: one line, or JSON fields. Pure.
 */
import * as DateTime from "effect/DateTime"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Dialect from "../../protocol/Dialect.js"
import * as Metadata from "../../protocol/Metadata.js"
import type { Upload } from "../../protocol/Upload.js"
import * as Size from "../terminal/Size.js"
import * as Text from "../terminal/Text.js"
import * as Time from "../terminal/Time.js"
import { remaining } from "./InfoCommand.js"

export const line = (upload: Upload, now: DateTime.Utc): string =>
  [
    upload.id,
    stateOf(upload),
    Option.match(upload.length, {
      onNone: () => `${Size.print(upload.offset)} of unknown length`,
      onSome: (length) => `${Size.percent(upload.offset, length)}% of ${Size.print(length)}`
    }),
    `created ${Time.words(DateTime.distanceDuration(upload.createdAt, now))} ago`,
    ...Option.toArray(Option.map(upload.expiresAt, (at) => `expires ${remaining(at, now)}`)),
    ...Option.toArray(Option.map(upload.owner, (owner) => `owner ${Text.clean(owner)}`)),
    ...(Dialect.isServed(upload) ? [] : [`dialect ${upload.dialect}`]),
    ...Option.toArray(Option.map(nameOf(upload), Text.clean))
  ].join("  ")

export const facts = (upload: Upload, location: Option.Option<string>) => ({
  id: upload.id,
  state: stateOf(upload),
  kind: upload.kind._tag.toLowerCase(),
  offset: upload.offset,
  length: Option.getOrNull(upload.length),
  owner: Option.getOrNull(upload.owner),
  dialect: upload.dialect,
  metadata: Option.getOrNull(upload.metadata),
  created: DateTime.formatIso(upload.createdAt),
  completed: upload.completion._tag === "Complete" ? DateTime.formatIso(upload.completion.at) : null,
  expires: Option.getOrNull(Option.map(upload.expiresAt, DateTime.formatIso)),
  location: Option.getOrNull(location)
})

const stateOf = ({ completion }: Upload): string =>
  completion._tag === "Rejected" ? `rejected (${completion.status})` : completion._tag.toLowerCase()

const decode = Schema.decodeOption(Metadata.TextFromRaw)

const nameOf = ({ metadata }: Upload): Option.Option<string> =>
  Option.flatMapNullable(Option.flatMap(metadata, decode), ({ filename, name }) => filename ?? name)

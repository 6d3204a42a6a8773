/**
 * Which answers of an application may be stored, to be told again. An answer is stored as a whole or not at all.
 */
import * as Either from "effect/Either"
import * as Option from "effect/Option"
import type { Addition } from "../protocol/Addition.js"
import * as FinalAnswer from "../protocol/FinalAnswer.js"

/**
 * The fields that may be stored, and why. Each says something about the body, or about what the application made of the
 * upload, so it is as true the second time as it was the first time. None lets anybody in: credentials and cookies
 * belong to one request, and the query of a URL may be a signature.
 */
export const fields: Readonly<Record<string, { readonly reason: string; readonly isUrl: boolean }>> = {
  "cache-control": { reason: "says who may keep the answer", isUrl: false },
  "content-disposition": { reason: "names the body", isUrl: false },
  "content-language": { reason: "says in which language the body is", isUrl: false },
  "content-location": { reason: "says where the body can be read later", isUrl: true },
  "content-type": { reason: "says what the body is", isUrl: false },
  etag: { reason: "names the version of what was made of the upload", isUrl: false },
  "last-modified": { reason: "dates what was made of the upload", isUrl: false },
  location: { reason: "says where that is", isUrl: true }
}

/** Fields of the application's own begin with `x-`. Names that sound secret are not stored. */
const isOwn = (name: string) => name.startsWith("x-") && !secret.test(name)
const secret = /auth|cookie|credential|csrf|key|passw|secret|session|signature|token|xsrf/

/** A URL without a query, a fragment and a user. */
const isPlainUrl = /^(?![^/]*\/\/[^/]*@)[^?#]*$/

/** The same for a field of the application's own, where a URL may stand anywhere in the text. */
const hasSecretUrl = (text: string) =>
  text.split(/\s+/).some((word) => /^[^/]*\/[^?#]*[?#]/.test(word) || /\/\/[^/]*@/.test(word))

/**
 * The answer to store; `Option.none` if the application added nothing. If it cannot be stored, the reason, which quotes
 * no value.
 */
export const of = ({ body, headers = {} }: Addition): Either.Either<Option.Option<FinalAnswer.FinalAnswer>, string> => {
  if (body === undefined && Object.keys(headers).length === 0) {
    return Either.right(Option.none())
  }
  const answer: FinalAnswer.FinalAnswer = body === undefined ? { headers } : { headers, body }
  return Option.match(objection(answer), { onNone: () => Either.right(Option.some(answer)), onSome: Either.left })
}

const objection = (answer: FinalAnswer.FinalAnswer): Option.Option<string> => {
  for (const [name, value] of Object.entries(answer.headers)) {
    const field = Object.hasOwn(fields, name) ? fields[name] : undefined
    if (field === undefined && !isOwn(name)) {
      return Option.some(`the field ${name} is not among those that are stored`)
    }
    if (field === undefined ? hasSecretUrl(value) : field.isUrl && !isPlainUrl.test(value)) {
      return Option.some(`the URL in ${name} has a query, a fragment or a user, which may be secret`)
    }
  }
  const size = FinalAnswer.bytesOf(answer)
  return size > FinalAnswer.maxBytes
    ? Option.some(`it takes ${size} bytes, more than ${FinalAnswer.maxBytes}`)
    : Option.none()
}

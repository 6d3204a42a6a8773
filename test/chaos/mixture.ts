/**
 * Requests of every kind, right ones and wrong ones.
 */
import * as Exchange from "../support/exchange.js"
import { bytesOf, type Content, type Entry } from "./ledger.js"

const unknown = "/files/00000000000000000000000000000000"

/** One random request. If it is about an upload, it is about this one. */
export const mixture = (random: () => number, { content, path, told }: Entry, other: Content): Exchange.Request => {
  const rest = bytesOf(content).subarray(told)
  const bytes = bytesOf(other)
  const length = { "upload-length": bytes.length }
  const messages: ReadonlyArray<() => Exchange.Request> = [
    () => Exchange.patch(path, told, rest),
    () => Exchange.patch(path, told, rest.subarray(0, 1 + Math.floor(random() * rest.length))),
    () => Exchange.patch(path, told + 1, rest),
    () => Exchange.patch(unknown, 0, bytes),
    () => Exchange.checked(path, told, rest),
    () => ({ ...Exchange.checked(path, told, rest), body: bytes }),
    () => Exchange.trailed(path, told, rest),
    () => Exchange.post(length),
    () => Exchange.post(length, bytes),
    () => Exchange.post({ ...length, "upload-concat": "partial" }, bytes),
    () => Exchange.post({ "upload-defer-length": 1 }, bytes),
    () => Exchange.post({ "upload-concat": `final;${path}` }),
    () => Exchange.post({}, bytes),
    () => Exchange.head(path),
    () => Exchange.head(unknown),
    () => Exchange.terminate(unknown),
    () => Exchange.request("OPTIONS", "/files")
  ]
  return (messages[Math.floor(random() * messages.length)] ?? (() => Exchange.head(path)))()
}

/**
 * Requests of every kind, right ones and wrong ones.
 */
import { bytesOf, type Content, type Entry } from "./ledger.js"
import * as Message from "./message.js"

const unknown = "/files/00000000000000000000000000000000"

/** One random request. If it is about an upload, it is about this one. */
export const mixture = (random: () => number, { content, path, told }: Entry, other: Content): Message.Message => {
  const rest = bytesOf(content).subarray(told)
  const bytes = bytesOf(other)
  const length = { "Upload-Length": bytes.length }
  const messages: ReadonlyArray<() => Message.Message> = [
    () => Message.append(path, told, rest),
    () => Message.append(path, told, rest.subarray(0, 1 + Math.floor(random() * rest.length))),
    () => Message.append(path, told + 1, rest),
    () => Message.append(unknown, 0, bytes),
    () => Message.checked(path, told, rest),
    () => ({ ...Message.checked(path, told, rest), body: bytes }),
    () => Message.trailed(path, told, rest),
    () => Message.create("/files", length),
    () => Message.create("/files", length, bytes),
    () => Message.create("/files", { ...length, "Upload-Concat": "partial" }, bytes),
    () => Message.create("/files", { "Upload-Defer-Length": 1 }, bytes),
    () => Message.create("/files", { "Upload-Concat": `final;${path}` }),
    () => Message.create("/files", {}, bytes),
    () => Message.ask(path),
    () => Message.ask(unknown),
    () => Message.terminate(unknown),
    () => ({ method: "OPTIONS", path: "/files" })
  ]
  return (messages[Math.floor(random() * messages.length)] ?? (() => Message.ask(path)))()
}

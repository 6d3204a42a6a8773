/**
 * The requests of tus, as the load sends them. Anything but success is an error.
 */
import type { Body, Connection, Response } from "./Connection.js"
import { header } from "./Connection.js"

export const KiB = 1024
export const MiB = 1024 * KiB
export const GiB = 1024 * MiB

export const offsetType = "Content-Type: application/offset+octet-stream\r\n"

const expect = (status: number) => (response: Response) => {
  if (response.status !== status) {
    throw new Error(`expected ${status}: ${response.head}`)
  }
  return response
}

/** The path in a Location, which some servers answer as a whole URL. */
const pathOf = (response: Response) => (header(response, "location") ?? "").replace(/^https?:\/\/[^/]*/, "")

export const create = async ({ request }: Connection, length: number, headers = "") =>
  pathOf(expect(201)(await request("POST", "/files", `Upload-Length: ${length}\r\n${headers}`)))

export const createWith = async ({ request }: Connection, body: Body) =>
  pathOf(expect(201)(await request("POST", "/files", `Upload-Length: ${body.size}\r\n${offsetType}`, body)))

export const patch = async ({ request }: Connection, path: string, offset: number, body: Body, headers = "") =>
  expect(204)(await request("PATCH", path, `Upload-Offset: ${offset}\r\n${offsetType}${headers}`, body))

export const head = async ({ request }: Connection, path: string) => {
  const response = expect(200)(await request("HEAD", path))
  return Number(header(response, "upload-offset"))
}

export const options = async ({ request }: Connection) => {
  const { head, status } = await request("OPTIONS", "/files")
  if (status !== 200 && status !== 204) {
    throw new Error(head)
  }
}

/** A final of complete parts. */
export const concatenate = async ({ request }: Connection, parts: ReadonlyArray<string>) =>
  pathOf(expect(201)(await request("POST", "/files", `Upload-Concat: final;${parts.join(" ")}\r\n`)))

export const remove = async ({ request }: Connection, path: string) => {
  expect(204)(await request("DELETE", path))
}

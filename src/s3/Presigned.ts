/**
 * URLs that carry their permission: a request whose signature is in its query.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-query-string-auth.html
 */
import { createHash, createHmac } from "node:crypto"

export interface Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken?: string | undefined
}

/** A GET, to be signed. */
export interface Unsigned {
  readonly protocol: string
  /** With the port, if it is not that of the protocol. */
  readonly host: string
  /** In percent-encoding. */
  readonly path: string
  readonly query: Readonly<Record<string, string>>
  /** Such as `20130524T000000Z`. */
  readonly date: string
  readonly region: string
  readonly seconds: number
}

/** RFC 3986, which encodes more than `encodeURIComponent` does. */
const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest()

export const url = (request: Unsigned, { accessKeyId, secretAccessKey, sessionToken }: Credentials): string => {
  const scope = [request.date.slice(0, 8), request.region, "s3", "aws4_request"]
  const query = Object.entries({
    ...request.query,
    "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
    "X-Amz-Credential": [accessKeyId, ...scope].join("/"),
    "X-Amz-Date": request.date,
    "X-Amz-Expires": String(request.seconds),
    ...(sessionToken === undefined ? {} : { "X-Amz-Security-Token": sessionToken }),
    "X-Amz-SignedHeaders": "host"
  }).map(([name, value]) => [encode(name), encode(value)] as const)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map((pair) => pair.join("="))
    .join("&")
  const canonical = ["GET", request.path, query, `host:${request.host}`, "", "host", "UNSIGNED-PAYLOAD"].join("\n")
  const toSign = [
    "AWS4-HMAC-SHA256",
    request.date,
    scope.join("/"),
    createHash("sha256").update(canonical).digest("hex")
  ].join("\n")
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secretAccessKey}`)
  const signature = createHmac("sha256", key).update(toSign).digest("hex")
  return `${request.protocol}//${request.host}${request.path}?${query}&X-Amz-Signature=${signature}`
}

/**
 * HTTP messages, in the shape that all doors and transports use.
 */

/** Fields by lower-case name; several lines of one field are joined by a comma. */
export type Headers = Readonly<Record<string, string | undefined>>

/** The head of a request. */
export interface RawRequest {
  readonly method: string
  /** The request target with its full path, as the client sees it. */
  readonly url: string
  readonly headers: Headers
  /** The IP address of the peer, which may be a proxy; left out if it is not known. */
  readonly remoteAddress?: string | undefined
}

/** A response. Header names are in lower case. The bytes of a download are not in it. */
export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A sentence for a person; absent if the request succeeded. */
  readonly body?: string | undefined
}

/** The header as it is written, such as `Upload-Offset`. */
export const canonical = (header: string): string => header.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())

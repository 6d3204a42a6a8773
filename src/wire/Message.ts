/**
 * HTTP messages in the shape that every door and every transport can give and take.
 */

/** Fields by lower-case name; several lines of one field are joined by a comma. */
export type Headers = Readonly<Record<string, string | undefined>>

/** The head of a request. */
export interface RawRequest {
  readonly method: string
  /** The target of the request as the client sees it, with its path in full. */
  readonly url: string
  readonly headers: Headers
  /** The IP address of the peer of the connection, which may be a proxy; left out where it is not known. */
  readonly remoteAddress?: string | undefined
}

/** A response. Header names are in lower case. The bytes of a download are not in it. */
export interface RawResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** A sentence for a person, absent where all went well. */
  readonly body?: string | undefined
}

/** The header as it is written, such as `Upload-Offset`. */
export const canonical = (header: string): string => header.replace(/(^|-)[a-z]/g, (letter) => letter.toUpperCase())

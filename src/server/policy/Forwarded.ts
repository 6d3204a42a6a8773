/**
 * Reads what proxies say about a request: `Forwarded`, and the older `X-Forwarded-` headers. It does not decide which
 * proxy to trust.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7239
 */
import * as Option from "effect/Option"

/** What one proxy added. Names are in lower case, values without quotes. */
export type Element = ReadonlyMap<string, string>

/** The elements in order; the last one is from the nearest proxy. `Option.none` if the header is malformed. */
export const parse = (header: string): Option.Option<ReadonlyArray<Element>> => {
  const elements: Array<Map<string, string>> = [new Map()]
  const pair = pairs()
  while (pair.lastIndex < header.length) {
    const [, name, value = "", quoted, separator] = pair.exec(header) ?? []
    const element = elements.at(-1)
    if (separator === undefined || element === undefined) {
      return Option.none()
    }
    if (name !== undefined) {
      if (element.has(name.toLowerCase())) {
        return Option.none()
      }
      element.set(name.toLowerCase(), quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, "$1"))
    }
    if (separator === ",") {
      elements.push(new Map())
    }
  }
  return Option.some(elements.filter(({ size }) => size > 0))
}

/** Values with a colon or a bracket should be quoted, but not every proxy does it. */
const pairs = () => /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:([^\s"(),;=\\]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*([;,]|$)/y

/** The address of a node without its port. `Option.none` for `unknown` and for invented names. */
export const addressOf = (node: string): Option.Option<string> => {
  const [, v6, v4] = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::[\w.-]+)?$/i.exec(node) ?? []
  return Option.fromNullable(v6 ?? v4)
}

/** The last value of an `X-Forwarded-` list: the nearest proxy has added or set it. */
export const lastOf = (header: string | undefined): string | undefined => header?.split(",").at(-1)?.trim()

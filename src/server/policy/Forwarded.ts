/**
 * What proxies tell of the request that they were sent: `Forwarded`, and the `X-Forwarded-` headers that were before
 * it. Knows nothing of whom to believe.
 *
 * @see https://www.rfc-editor.org/rfc/rfc7239
 */
import * as Option from "effect/Option"

/** What one proxy has added. Names are in small letters, values without their quotes. */
export type Element = ReadonlyMap<string, string>

/** The elements in their order, the last one of the nearest proxy; none where the header is not well-formed. */
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

/** Values with a colon or a bracket should be quoted, which not every proxy knows. */
const pairs = () => /[ \t]*(?:([\w!#$%&'*+.^`|~-]+)=(?:([^\s"(),;=\\]+)|"((?:[^"\\]|\\.)*)"))?[ \t]*([;,]|$)/y

/** The address of a node, without its port; none for `unknown` and names that are made up. */
export const addressOf = (node: string): Option.Option<string> => {
  const [, v6, v4] = /^(?:\[([\da-f:.]+)\]|([\d.]+))(?::[\w.-]+)?$/i.exec(node) ?? []
  return Option.fromNullable(v6 ?? v4)
}

/** The value that was added last to a list of an `X-Forwarded-` header, which the nearest proxy has added or set. */
export const lastOf = (header: string | undefined): string | undefined => header?.split(",").at(-1)?.trim()

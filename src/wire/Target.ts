/**
 * What the URL of a request names: the collection, an upload of it, or neither.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { UploadId } from "../protocol/Upload.js"

/** What a server knows of its own URLs, and whether it gives away what was uploaded. */
export interface Mount {
  /**
   * The path of the collection. Where it is left out, the collection is whatever is posted to, and the id of an upload
   * is the last segment of its path: whoever mounts the handler has chosen the path.
   */
  readonly path?: string | undefined
  /** What the client sees before the path; proxies may have cut it off. Nothing by default. */
  readonly base?: string | undefined
  /** Whether GET is a method here. Not by default. */
  readonly downloads?: boolean | undefined
}

/** A request target, taken apart. */
export interface Target {
  readonly mount: Mount
  /** Without query, fragment or slash at the end. */
  readonly path: string
  readonly parent: string
  /** The last segment of the path. */
  readonly name: string
}

/** Takes a request target apart, in any of its forms. */
export const of = (url: string, mount: Mount): Target => {
  const path = pathOf(url)
  const [, parent = "", name = ""] = /^(.*)\/([^/]*)$/.exec(path) ?? []
  return { mount, path, parent, name }
}

/** Whether this is the collection; not known where the mount has no path. */
export const isCollection = ({ mount, path }: Target): boolean => path === mount.path

/** Whether this is directly below the collection. */
export const isBelow = ({ mount, parent }: Target): boolean => parent === mount.path

/** Where clients see the collection, if this is it. */
export const collection = ({ mount, path }: Target): Option.Option<string> =>
  mount.path === undefined || path === mount.path
    ? Option.some(`${mount.base ?? ""}${onHost(path)}`)
    : Option.none()

/** The upload that is named. */
export const upload = (target: Target): Option.Option<UploadId> =>
  target.mount.path === undefined || isBelow(target) ? decodeId(target.name) : Option.none()

const decodeId = Schema.decodeOption(UploadId)

/**
 * The path of a request target in any of its forms, without query, fragment or slash at the end. Looks behind itself to
 * find the end in linear time: without, a target of 64 KiB of slashes takes seconds.
 */
const pathOf = (url: string) =>
  url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "").replace(/(?<!\/)\/+$/, "")

/**
 * The path as it may stand in a URL, where nobody can read the name of a host in it: to browsers a backslash is a
 * slash, and a tab or the end of a line is nothing.
 */
const onHost = (path: string) => {
  const rest = path.replace(/[\0-\x20\x7f]/g, encodeURIComponent).replace(/^[/\\]+/, "")
  return rest === "" ? "" : `/${rest}`
}

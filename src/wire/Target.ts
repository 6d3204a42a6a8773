/**
 * What the URL of a request names: the collection, one of its uploads, or neither.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { UploadId } from "../protocol/Upload.js"

/** The URLs of the server, and whether it serves downloads. */
export interface Mount {
  /**
   * The path of the collection. If it is left out, each path that is posted to is a collection, and the last segment of
   * a path is the id of an upload: the application that mounts the handler has chosen the path.
   */
  readonly path?: string | undefined
  /** What the client sees before the path, such as a prefix that a proxy removes. Empty by default. */
  readonly base?: string | undefined
  /** Whether GET is supported. False by default. */
  readonly downloads?: boolean | undefined
}

/** The parts of a request target. */
export interface Target {
  readonly mount: Mount
  /** The path without query, fragment and slashes at the end. */
  readonly path: string
  readonly parent: string
  /** The last segment of the path. */
  readonly name: string
}

/** Parses a request target in any of its forms. */
export const of = (url: string, mount: Mount): Target => {
  const path = pathOf(url)
  const [, parent = "", name = ""] = /^(.*)\/([^/]*)$/.exec(path) ?? []
  return { mount, path, parent, name }
}

/** Whether this is the collection. False if the mount has no path. */
export const isCollection = ({ mount, path }: Target): boolean => path === mount.path

/** Whether this is directly below the collection. */
export const isBelow = ({ mount, parent }: Target): boolean => parent === mount.path

/** The URL or path of the collection as clients see it, if this can be the collection. */
export const collection = ({ mount, path }: Target): Option.Option<string> =>
  mount.path === undefined || path === mount.path
    ? Option.some(`${mount.base ?? ""}${onHost(path)}`)
    : Option.none()

/** The upload that is named. */
export const upload = (target: Target): Option.Option<UploadId> =>
  target.mount.path === undefined || isBelow(target) ? decodeId(target.name) : Option.none()

const decodeId = Schema.decodeOption(UploadId)

/**
 * The path of a request target. The lookbehind makes the last pattern linear: without it, 64 KiB of slashes take
 * seconds.
 */
const pathOf = (url: string) =>
  url.replace(/^[a-z]+:\/\/[^/?#]*/i, "").replace(/[?#].*$/s, "").replace(/(?<!\/)\/+$/, "")

/**
 * The path with one slash in front, so that no browser reads a host name in it. Browsers take a backslash for a slash,
 * and ignore tabs and ends of lines.
 */
const onHost = (path: string) => {
  const rest = path.replace(/[\0-\x20\x7f]/g, encodeURIComponent).replace(/^[/\\]+/, "")
  return rest === "" ? "" : `/${rest}`
}

/**
 * A file system: a tree of entries, open files, and system errors. Every operation takes effect at once; the caller
 * decides about time and faults.
 */
import { Contents } from "./Contents.js"
import type { Dice } from "./Dice.js"
import { Directory, type Node, type Sync } from "./Directory.js"

export type Flags = "r" | "r+" | "w" | "a"

interface Handle {
  readonly path: string
  readonly node: Node
  readonly writes: boolean
}

export class Disk {
  readonly root: Directory
  private readonly handles = new Map<number, Handle>()
  private last = 2
  private readonly onChange: (path: string) => void
  /** The clock of the writing process. */
  now = () => 0
  private readonly syncsDirectories: boolean

  /**
   * @param onChange - called with each file whose bytes change.
   * @param syncsDirectories - if false, entries are durable without a sync.
   */
  constructor(onChange: (path: string) => void, syncsDirectories: boolean) {
    this.onChange = onChange
    this.syncsDirectories = syncsDirectories
    this.root = new Directory(!syncsDirectories)
  }

  find(path: string): Node | undefined {
    let node: Node | undefined = this.root
    for (const name of namesOf(path)) {
      node = node instanceof Directory ? node.names.get(name) : undefined
    }
    return node
  }

  bytesOf(path: string): Uint8Array | undefined {
    const node = this.find(path)
    return node instanceof Contents ? node.bytes : undefined
  }

  /** Whether the first `size` bytes would be found and read after any power cut. */
  isLasting(path: string, size: number): boolean {
    let node: Node | undefined = this.root
    for (const name of namesOf(path)) {
      if (!(node instanceof Directory) || !node.isLasting(name)) {
        return false
      }
      node = node.names.get(name)
    }
    return node instanceof Contents && node.isLasting(size)
  }

  /** The paths of all files. */
  files(directory: Directory = this.root, path = ""): ReadonlyArray<string> {
    return Array.from(directory.names).flatMap(([name, node]) =>
      node instanceof Directory ? this.files(node, `${path}/${name}`) : [`${path}/${name}`]
    )
  }

  cutPower(dice: Dice): void {
    this.handles.clear()
    this.root.cutPower(dice)
  }

  openFile(path: string, flags: unknown): number {
    if (flags !== "r" && flags !== "r+" && flags !== "w" && flags !== "a") {
      throw new Error(`the simulated disk knows no flags ${String(flags)}`)
    }
    const node = this.find(path)
    if (node === undefined && flags !== "w" && flags !== "a") {
      throw failure("ENOENT", "open", path)
    }
    if (node instanceof Directory && flags !== "r") {
      throw failure("EISDIR", "open", path)
    }
    if (node instanceof Contents && flags === "w") {
      node.truncate(0)
      this.onChange(path)
    }
    const opened = node ?? new Contents()
    if (node === undefined) {
      this.parentOf(path, "open").change([[nameOf(path), opened]])
    }
    this.handles.set(++this.last, { path, node: opened, writes: flags !== "r" })
    return this.last
  }

  close(fd: number): void {
    if (!this.handles.delete(fd)) {
      throw failure("EBADF", "close", `fd ${fd}`)
    }
  }

  write(fd: number, bytes: Uint8Array, at: number): number {
    const { node, path, writes } = this.handle(fd, "write")
    if (!(node instanceof Contents) || !writes) {
      throw failure("EBADF", "write", path)
    }
    node.write(at, bytes)
    node.writtenAt = this.now()
    this.onChange(path)
    return bytes.length
  }

  truncate(fd: number, size: number): void {
    const { node, path, writes } = this.handle(fd, "ftruncate")
    if (!(node instanceof Contents) || !writes) {
      throw failure("EINVAL", "ftruncate", path)
    }
    node.truncate(size)
    this.onChange(path)
  }

  read(fd: number, buffer: Uint8Array, at: number): number {
    const { node, path } = this.handle(fd, "read")
    if (!(node instanceof Contents)) {
      throw failure("EISDIR", "read", path)
    }
    const bytes = node.bytes.subarray(at, at + buffer.length)
    buffer.set(bytes)
    return bytes.length
  }

  /** Starts a sync of the current state. */
  sync(fd: number): Sync {
    const { node, path } = this.handle(fd, "fsync")
    const refuse = () => {
      throw failure("EINVAL", "fsync", path)
    }
    return node instanceof Directory && !this.syncsDirectories ? { end: refuse, fail: () => {} } : node.mark()
  }

  stat(path: string) {
    const node = this.find(path)
    if (node === undefined) {
      throw failure("ENOENT", "stat", path)
    }
    return statsOf(node)
  }

  fstat(fd: number) {
    const { node, path } = this.handle(fd, "fstat")
    return { ...statsOf(node), nlink: this.find(path) === node ? 1 : 0 }
  }

  list(path: string): ReadonlyArray<string> {
    const node = this.find(path)
    if (node === undefined) {
      throw failure("ENOENT", "scandir", path)
    }
    if (!(node instanceof Directory)) {
      throw failure("ENOTDIR", "scandir", path)
    }
    return Array.from(node.names.keys())
  }

  makeDirectory(path: string): void {
    if (this.find(path) !== undefined) {
      throw failure("EEXIST", "mkdir", path)
    }
    this.parentOf(path, "mkdir").change([[nameOf(path), new Directory(!this.syncsDirectories)]])
  }

  /** Makes the missing directories of a path; returns the first of them. */
  makeDirectories(path: string): string | undefined {
    const names = namesOf(path)
    const paths = names.map((_, i) => `/${names.slice(0, i + 1).join("/")}`)
    const missing = paths.filter((path) => this.find(path) === undefined)
    missing.forEach((path) => this.makeDirectory(path))
    return missing[0]
  }

  rename(from: string, to: string): void {
    const node = this.find(from)
    const parent = this.parentOf(from, "rename")
    if (node === undefined) {
      throw failure("ENOENT", "rename", from)
    }
    const other = this.parentOf(to, "rename")
    if (parent === other) {
      parent.change([[nameOf(from), undefined], [nameOf(to), node]])
    } else {
      const whole = {}
      parent.change([[nameOf(from), undefined]], whole)
      other.change([[nameOf(to), node]], whole)
      this.onChange(from)
    }
    this.onChange(to)
  }

  link(from: string, to: string): void {
    const node = this.find(from)
    if (!(node instanceof Contents)) {
      throw failure("ENOENT", "link", from)
    }
    if (this.find(to) !== undefined) {
      throw failure("EEXIST", "link", to)
    }
    this.parentOf(to, "link").change([[nameOf(to), node]])
    this.onChange(to)
  }

  unlink(path: string): void {
    if (!(this.find(path) instanceof Contents)) {
      throw failure("ENOENT", "unlink", path)
    }
    this.parentOf(path, "unlink").change([[nameOf(path), undefined]])
    this.onChange(path)
  }

  copy(from: string, to: string): void {
    const node = this.find(from)
    if (!(node instanceof Contents)) {
      throw failure("ENOENT", "copyfile", from)
    }
    const fd = this.openFile(to, "w")
    this.write(fd, node.bytes, 0)
    this.close(fd)
  }

  /** Closes the files that a dead process had open. */
  abandon(fds: ReadonlySet<number>): void {
    fds.forEach((fd) => this.handles.delete(fd))
  }

  private handle(fd: number, call: string): Handle {
    const handle = this.handles.get(fd)
    if (handle === undefined) {
      throw failure("EBADF", call, `fd ${fd}`)
    }
    return handle
  }

  private parentOf(path: string, call: string): Directory {
    const parent = this.find(path.slice(0, path.lastIndexOf("/")))
    if (!(parent instanceof Directory)) {
      throw failure("ENOENT", call, path)
    }
    return parent
  }
}

const namesOf = (path: string) => path.split("/").filter((name) => name !== "")

const nameOf = (path: string) => path.slice(path.lastIndexOf("/") + 1)

const nodes = new WeakMap<Node, number>()
let counted = 0

const numberOf = (node: Node): number => {
  const number = nodes.get(node) ?? ++counted
  nodes.set(node, number)
  return number
}

const statsOf = (node: Node) => ({
  size: node instanceof Contents ? node.bytes.length : 4096,
  mtimeMs: node instanceof Contents ? node.writtenAt : 0,
  dev: 1,
  ino: numberOf(node),
  nlink: 2,
  isFile: () => node instanceof Contents,
  isDirectory: () => node instanceof Directory
})

const numbers: Readonly<Record<string, number>> = { EIO: -5, ENOENT: -2, EBADF: -9, ENOSPC: -28, EEXIST: -17 }

/** A system error. */
export const failure = (code: string, syscall: string, path: string): NodeJS.ErrnoException =>
  Object.assign(new Error(`${code}: simulated, ${syscall} '${path}'`), {
    code,
    syscall,
    path,
    errno: numbers[code] ?? -22
  })

/**
 * Parses the output of `strace -f -y`. Knows nothing about the purpose of the calls.
 *
 * @see https://man7.org/linux/man-pages/man1/strace.1.html
 */
export interface Call {
  readonly name: string
  /** As strace prints them. */
  readonly args: string
  /** The paths of the descriptors among the arguments, in order. */
  readonly files: ReadonlyArray<string>
  /** The quoted arguments in order, without their quotes. */
  readonly strings: ReadonlyArray<string>
  /** Negative if the call failed; undefined if it never returned. */
  readonly result: number | undefined
  /** The line numbers of its start and end: a call that ended before another one began has the lower number. */
  readonly begin: number
  readonly end: number
}

/** The calls in the order of their start. */
export const parse = (output: string): ReadonlyArray<Call> => {
  const calls: Array<Call> = []
  const unfinished = new Map<string, { readonly name: string; readonly args: string; readonly begin: number }>()

  output.split("\n").forEach((line, at) => {
    const [, thread = "", text = ""] = /^(\d+) +(.*)$/.exec(line) ?? []
    const [, started, head = ""] = /^(\w+)\((.*?)(?: <unfinished \.\.\.>)?$/.exec(text) ?? []
    const [, resumed, tail = ""] = /^<\.\.\. (\w+) resumed>(.*)$/.exec(text) ?? []
    if (started !== undefined && text.endsWith("<unfinished ...>")) {
      unfinished.set(thread, { name: started, args: head, begin: at })
    } else if (started !== undefined) {
      calls.push(finished(started, head, at, at))
    } else if (resumed !== undefined) {
      const { args, begin } = unfinished.get(thread) ?? { args: "", begin: at }
      unfinished.delete(thread)
      calls.push(finished(resumed, args + tail, begin, at))
    }
  })
  for (const { args, begin, name } of unfinished.values()) {
    calls.push(make(name, args, undefined, begin, Number.POSITIVE_INFINITY))
  }
  return calls.toSorted((a, b) => a.begin - b.begin)
}

const finished = (name: string, text: string, begin: number, end: number) => {
  const [, args = text, result] = /^(.*)\) += (-?\d+|\?)/.exec(text) ?? []
  return make(name, args, result === undefined || result === "?" ? undefined : Number(result), begin, end)
}

const string = /"((?:[^"\\]|\\.)*)"/g

const make = (name: string, args: string, result: number | undefined, begin: number, end: number): Call => ({
  name,
  args,
  files: Array.from(args.replace(string, "").matchAll(/\b\d+<([^>]*)>/g), ([, file = ""]) => file),
  strings: Array.from(args.matchAll(string), ([, text = ""]) => text),
  result,
  begin,
  end
})

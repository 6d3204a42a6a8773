/**
 * Formats and parses numbers of bytes. Pure.
 */
import * as Option from "effect/Option"

const factors: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1024,
  kib: 1024,
  kb: 1000,
  m: 1024 ** 2,
  mib: 1024 ** 2,
  mb: 1000 ** 2,
  g: 1024 ** 3,
  gib: 1024 ** 3,
  gb: 1000 ** 3,
  t: 1024 ** 4,
  tib: 1024 ** 4,
  tb: 1000 ** 4,
  p: 1024 ** 5,
  pib: 1024 ** 5,
  pb: 1000 ** 5
}

/** What `parse` accepts, as the end of a sentence. */
export const expected = "a size such as 500KB (1000 bytes each), 8MiB or 8M (1024 * 1024 each), or 1.5G"

/** In bytes, at least one. */
export const parse = (text: string): Option.Option<number> => {
  const [, digits = "", unit = ""] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*$/i.exec(text) ?? []
  const factor = Object.hasOwn(factors, unit.toLowerCase()) ? factors[unit.toLowerCase()] : undefined
  const bytes = Math.round(Number(digits) * (factor ?? Number.NaN))
  return digits !== "" && Number.isSafeInteger(bytes) && bytes > 0 ? Option.some(bytes) : Option.none()
}

const units = ["KiB", "MiB", "GiB", "TiB", "PiB"] as const

/** At most ten characters: `999.9 MiB`. */
export const print = (bytes: number): string => {
  // From here on, rounding would give four digits.
  const exponent = units.findIndex((_, i) => bytes / 1024 ** (i + 1) < 999.95)
  const power = exponent === -1 ? units.length - 1 : exponent
  return bytes < 999.5 ? `${Math.round(bytes)} B` : `${(bytes / 1024 ** (power + 1)).toFixed(1)} ${units[power]}`
}

/** Rounded down, so that 100 means complete. */
export const percent = (part: number, whole: number): number =>
  whole <= 0 ? 100 : Math.max(0, Math.min(100, Math.floor((part * 100) / whole)))

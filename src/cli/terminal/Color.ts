/**
 * Whether to use colours. Pure.
 *
 * @see https://no-color.org and https://force-color.org
 */

export type Color = "red" | "green" | "yellow"

const codes: Readonly<Record<Color, number>> = { red: 31, green: 32, yellow: 33 }

export const paint = (color: Color, text: string): string => `\u001b[${codes[color]}m${text}\u001b[39m`

/** FORCE_COLOR wins over everything, also with the value 0. A non-empty NO_COLOR means no colours. */
export const isWanted = (
  env: Readonly<Record<string, string | undefined>>,
  isTerminal: boolean
): boolean => {
  const { FORCE_COLOR: forced = "", NO_COLOR: none = "", TERM: term } = env
  return forced === "" ? isTerminal && term !== "dumb" && none === "" : forced !== "0" && forced !== "false"
}

/**
 * Ranges of IP addresses, and what lies in them. Pure, and without a platform. An IPv4 address is the IPv6 address that it is
 * mapped to: a server that listens on both is told either.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4632#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2
 */
import * as Option from "effect/Option"

/** As a number of 128 bits. */
export type Address = bigint

export interface AddressRange {
  readonly start: Address
  /** How many of its bits the addresses in it share. */
  readonly prefix: number
}

/** An address in any of its forms, with the zone that a system may add; none where it is no address. */
export const parseAddress = (text: string): Option.Option<Address> => {
  const [address = ""] = text.split("%", 1)
  return address.includes(":") ? parseIPv6(address) : Option.map(parseIPv4(address), mapped)
}

/** An address for itself, or one with the number of bits that all in the range have in common. */
export const parse = (text: string): Option.Option<AddressRange> => {
  const [, address = "", bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const [width, before] = address.includes(":") ? [128, 0] : [32, 96]
  const prefix = bits === undefined ? width : Number(bits)
  return prefix > width
    ? Option.none()
    : Option.map(parseAddress(address), (start) => ({ start, prefix: before + prefix }))
}

export const includes = ({ prefix, start }: AddressRange, address: Address): boolean => {
  const rest = BigInt(128 - prefix)
  return address >> rest === start >> rest
}

const mapped = (address: bigint): Address => (0xffffn << 32n) | address

/** Numbers that begin with a zero are octal to some, and so nothing here. */
const parseIPv4 = (text: string): Option.Option<bigint> => {
  const parts = text.split(".")
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
    ? Option.some(parts.reduce((sum, part) => (sum << 8n) | BigInt(part), 0n))
    : Option.none()
}

const parseIPv6 = (text: string): Option.Option<Address> => {
  const [, head = text, last] = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text) ?? []
  const embedded = last === undefined ? Option.some("") : Option.map(parseIPv4(last), asGroups)
  return Option.flatMap(embedded, (tail) => {
    const [left = "", right, ...more] = `${head}${tail}`.split("::")
    const [before, after] = [groupsOf(left), groupsOf(right ?? "")]
    const missing = 8 - before.length - after.length
    const groups = [...before, ...Array<string>(Math.max(0, missing)).fill("0"), ...after]
    return more.length === 0 && (right === undefined ? missing === 0 : missing > 0) && groups.every(isGroup)
      ? Option.some(groups.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n))
      : Option.none()
  })
}

const groupsOf = (text: string): ReadonlyArray<string> => (text === "" ? [] : text.split(":"))

const isGroup = (text: string) => /^[\da-f]{1,4}$/i.test(text)

const asGroups = (address: bigint) => `${(address >> 16n).toString(16)}:${(address & 0xffffn).toString(16)}`

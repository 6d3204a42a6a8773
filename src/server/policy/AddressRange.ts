/**
 * Ranges of IP addresses. Pure, and without a platform. An IPv4 address counts as the IPv6 address that it is mapped
 * to: a server that listens on both may see either.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4632#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2
 */
import * as Option from "effect/Option"
import IpAddress from "ipaddr.js"

/** An IPv4 or IPv6 address, as an IPv6 address. */
export type Address = IpAddress.IPv6

export interface AddressRange {
  readonly start: Address
  /** How many leading bits the addresses of the range share. */
  readonly prefix: number
}

/** Reads an address in any form, with or without a zone. `Option.none` if it is no address. */
export const parseAddress = (text: string): Option.Option<Address> =>
  hasOctal.test(text)
    ? Option.none()
    : IpAddress.IPv6.isValid(text)
    ? Option.some(IpAddress.IPv6.parse(text))
    : IpAddress.IPv4.isValidFourPartDecimal(text)
    ? Option.some(IpAddress.IPv4.parse(text).toIPv4MappedAddress())
    : Option.none()

/** Reads a range: one address, or an address and the number of bits that all in the range share. */
export const parse = (text: string): Option.Option<AddressRange> => {
  const [, address = "", bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const [width, before] = address.includes(":") ? [128, 0] : [32, 96]
  const prefix = bits === undefined ? width : Number(bits)
  return prefix > width
    ? Option.none()
    : Option.map(parseAddress(address), (start) => ({ start, prefix: before + prefix }))
}

export const includes = ({ prefix, start }: AddressRange, address: Address): boolean => address.match(start, prefix)

/** Refuses IPv4 numbers with a leading zero: some systems read them as octal. */
const hasOctal = /(?:^|[.:])0\d+\.|\.0\d/

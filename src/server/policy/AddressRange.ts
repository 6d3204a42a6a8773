/**
 * Ranges of IP addresses, and what lies in them. Pure, and without a platform. An IPv4 address is the IPv6 address that
 * it is mapped to: a server that listens on both is told either.
 *
 * @see https://www.rfc-editor.org/rfc/rfc4632#section-3.1
 * @see https://www.rfc-editor.org/rfc/rfc4291#section-2
 */
import * as Option from "effect/Option"
import IpAddress from "ipaddr.js"

/** An address of either kind, as one of IPv6. */
export type Address = IpAddress.IPv6

export interface AddressRange {
  readonly start: Address
  /** How many of its bits the addresses in it share. */
  readonly prefix: number
}

/** An address in any of its forms, with the zone that a system may add; none where it is no address. */
export const parseAddress = (text: string): Option.Option<Address> =>
  hasOctal.test(text)
    ? Option.none()
    : IpAddress.IPv6.isValid(text)
    ? Option.some(IpAddress.IPv6.parse(text))
    : IpAddress.IPv4.isValidFourPartDecimal(text)
    ? Option.some(IpAddress.IPv4.parse(text).toIPv4MappedAddress())
    : Option.none()

/** An address for itself, or one with the number of bits that all in the range have in common. */
export const parse = (text: string): Option.Option<AddressRange> => {
  const [, address = "", bits] = /^([^/%]*)(?:\/(\d{1,3}))?$/.exec(text) ?? []
  const [width, before] = address.includes(":") ? [128, 0] : [32, 96]
  const prefix = bits === undefined ? width : Number(bits)
  return prefix > width
    ? Option.none()
    : Option.map(parseAddress(address), (start) => ({ start, prefix: before + prefix }))
}

export const includes = ({ prefix, start }: AddressRange, address: Address): boolean => address.match(start, prefix)

/** Numbers of an IPv4 address that begin with a zero are octal to some, and so nothing here. */
const hasOctal = /(?:^|[.:])0\d+\.|\.0\d/

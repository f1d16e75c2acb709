/**
 * Which addresses somebody from outside may make this server speak to: public unicast ones, of the registries of special addresses
 * https://www.iana.org/assignments/iana-ipv4-special-registry and https://www.iana.org/assignments/iana-ipv6-special-registry.
 */
import { BlockList, isIP, isIPv4 } from "node:net"

const special4: ReadonlyArray<readonly [string, number]> = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.31.196.0", 24],
  ["192.52.193.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["192.175.48.0", 24],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 4],
  ["240.0.0.0", 4],
]

/** Within 2000::/3, which alone holds public unicast addresses. */
const special6: ReadonlyArray<readonly [string, number]> = [
  ["2001::", 23],
  ["2001:db8::", 32],
  ["2002::", 16],
  ["2620:4f:8000::", 48],
  ["3fff::", 20],
]

const special = new BlockList()
for (const [address, bits] of special4) special.addSubnet(address, bits, "ipv4")
for (const [address, bits] of special6) special.addSubnet(address, bits, "ipv6")

const global6 = new BlockList()
global6.addSubnet("2000::", 3, "ipv6")

/** Also of text that is no address, which is none. */
export const isPublicAddress = (address: string): boolean => {
  // A zone, as in fe80::1%eth0, is a link's own.
  if (isIP(address) === 0 || address.includes("%")) return false
  if (isIPv4(address)) return !special.check(address, "ipv4")
  // IPv4 within IPv6 lies outside of 2000::/3, and so does every way to translate it.
  return global6.check(address, "ipv6") && !special.check(address, "ipv6")
}

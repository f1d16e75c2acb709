/** Names of hosts to addresses that may be reached: what is connected to is what was looked at. */
import { lookup as systemLookup, type LookupAddress } from "node:dns"
import { isIP, type LookupFunction } from "node:net"
import type { AllowsAddress } from "../contract/Plugin.ts"

/** Finds all addresses of a name. */
export type LookupAll = (
  name: string,
  options: { readonly all: true },
  done: (error: Error | null, addresses: ReadonlyArray<LookupAddress>) => void,
) => void

/** A host that may not be reached. */
export class AddressRefused extends Error {
  override readonly name = "AddressRefused"
  constructor(host: string) {
    super(`${host} is no public address`)
  }
}

/** For the option `lookup` of sockets. `find` is the system's unless a test says otherwise. */
export const guardedLookup =
  (allows: AllowsAddress | undefined, find: LookupAll = systemLookup): LookupFunction =>
  (name, options, done) => {
    find(name, { all: true }, (error, addresses) => {
      if (error !== null) return done(error, "", 4)
      const allowed = allows === undefined ? addresses : addresses.filter(({ address }) => allows(address, name))
      const [first] = allowed
      if (first === undefined) return done(new AddressRefused(name), "", 4)
      if (options.all === true) done(null, [...allowed])
      else done(null, first.address, first.family)
    })
  }

/** Throws where the host is an address that may not be reached: such a host is connected to without a look-up. */
export const checkHost = (host: string, allows: AllowsAddress | undefined): void => {
  if (allows !== undefined && isIP(host) !== 0 && !allows(host, host)) throw new AddressRefused(host)
}

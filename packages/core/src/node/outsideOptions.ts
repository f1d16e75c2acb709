/** The limits of a run whose definition somebody from outside gave. */
import type { AllowsAddress } from "../contract/Plugin.ts"
import { isPublicAddress } from "./publicAddress.ts"

/** Public addresses, the hosts that are allowed by name or address, and the data files of the project. */
export const outsideOptions = (
  allowHosts: ReadonlyArray<string> = [],
): { readonly allowsAddress: AllowsAddress; readonly confinesFiles: true } => {
  const hosts = new Set(allowHosts)
  return {
    allowsAddress: (address, name) => hosts.has(name) || hosts.has(address) || isPublicAddress(address),
    confinesFiles: true,
  }
}

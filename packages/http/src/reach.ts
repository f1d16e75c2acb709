/** What a definition may reach: the host's own everything, one that came over HTTP public addresses and the hosts that are allowed. */
import type { AllowsAddress } from "@deltaflow/core"
import type { Catalogue } from "./Catalogue.ts"
import { isPublicAddress } from "./webhooks/addresses.ts"

export class Reach {
  private readonly catalogue: Catalogue
  private readonly hosts: ReadonlySet<string>

  constructor(catalogue: Catalogue, hosts: ReadonlyArray<string> = []) {
    this.catalogue = catalogue
    this.hosts = new Set(hosts)
  }

  /** Undefined where there is no limit. */
  of(pipeline: string): AllowsAddress | undefined {
    return this.catalogue.originOf(pipeline) === undefined ? this.outside : undefined
  }

  /** For what somebody sent. */
  readonly outside: AllowsAddress = (address, name) => this.hosts.has(name) || this.hosts.has(address) || isPublicAddress(address)
}

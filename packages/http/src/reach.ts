/**
 * What a definition may reach: the host's own everything, one that came over HTTP public addresses and the hosts that are allowed, and the
 * data files of the project.
 */
import type { AllowsAddress, OutsideOptions } from "@deltaflow/core"
import type { Catalogue } from "./Catalogue.ts"
import { isPublicAddress } from "@deltaflow/core/node"

export class Reach {
  private readonly catalogue: Catalogue
  private readonly hosts: ReadonlySet<string>
  /** For what somebody sent. */
  readonly outside: OutsideOptions

  constructor(catalogue: Catalogue, hosts: ReadonlyArray<string> = []) {
    this.catalogue = catalogue
    this.hosts = new Set(hosts)
    this.outside = { allowsAddress: this.allowsAddress, confinesFiles: true }
  }

  /** Nothing for a pipeline of the host. */
  of(pipeline: string): OutsideOptions {
    return this.catalogue.originOf(pipeline) === undefined ? this.outside : {}
  }

  private readonly allowsAddress: AllowsAddress = (address, name) =>
    this.hosts.has(name) || this.hosts.has(address) || isPublicAddress(address)
}

/**
 * What a definition may reach: the host's own everything, one that came over HTTP public addresses and the hosts that are allowed, and the
 * data files of the project.
 */
import type { OutsideOptions } from "@deltaflow/core"
import type { Catalogue } from "./Catalogue.ts"
import { outsideOptions } from "@deltaflow/core/node"

export class Reach {
  private readonly catalogue: Catalogue
  /** For what somebody sent. */
  readonly outside: OutsideOptions

  constructor(catalogue: Catalogue, hosts: ReadonlyArray<string> = []) {
    this.catalogue = catalogue
    this.outside = outsideOptions(hosts)
  }

  /** Nothing for a pipeline of the host. */
  of(pipeline: string): OutsideOptions {
    return this.catalogue.originOf(pipeline) === undefined ? this.outside : {}
  }
}

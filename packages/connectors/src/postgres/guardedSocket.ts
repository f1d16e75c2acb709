/** A socket that reaches only what the host lets a pipeline reach. */
import { Socket } from "node:net"
import type { AllowsAddress } from "@deltaflow/core"
import { AddressRefused, checkHost, guardedLookup } from "@deltaflow/core/node"

export class GuardedSocket extends Socket {
  private readonly allows: AllowsAddress

  constructor(allows: AllowsAddress) {
    super()
    this.allows = allows
  }

  /** As `pg` calls it: with a port and a host, or with the path of a socket of this machine. */
  override connect(...args: ReadonlyArray<unknown>): this {
    const [port, host = "localhost"] = args as readonly [unknown, string | undefined]
    try {
      if (typeof port !== "number" && !/^\d+$/.test(String(port))) throw new AddressRefused("a socket of this machine")
      checkHost(host, this.allows)
    } catch (error) {
      this.destroy(error instanceof Error ? error : undefined)
      return this
    }
    return super.connect({ port: Number(port), host, lookup: guardedLookup(this.allows) })
  }
}

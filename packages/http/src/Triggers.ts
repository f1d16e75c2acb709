/** Webhooks that come in: a request to `/api/trigger/<path>` starts the pipeline that has this path, once for each id. */
import type { StoredDefinition } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"
import { type Catalogue, definitionOf } from "./Catalogue.ts"
import { ofDefinitions } from "./ofDefinitions.ts"
import { Problem } from "./problems.ts"
import { isSameText, isSigned, type SignedRequest } from "./signatures.ts"

interface Trigger {
  readonly stored: StoredDefinition
  readonly secret: string | undefined
}

export class Triggers {
  private readonly catalogue: Catalogue
  private readonly now: () => number
  private readonly byPath: () => Promise<ReadonlyMap<string, Trigger>>

  constructor(catalogue: Catalogue, now: () => number) {
    this.catalogue = catalogue
    this.now = now
    this.byPath = ofDefinitions(catalogue.service.store, () => this.load())
  }

  /** Throws where no pipeline has this path, and where the caller does not know its secret. */
  async find(path: string, request: SignedRequest): Promise<StoredDefinition> {
    const trigger = (await this.byPath()).get(path)
    if (trigger === undefined) throw new Problem("NOT_FOUND", `No pipeline is triggered by ${path}.`, { details: { path } })
    const { secret, stored } = trigger
    if (secret !== undefined && !this.knows(request, secret))
      throw new Problem("UNAUTHENTICATED", "The secret or the signature is wrong, or the message is old.", {
        headers: { "www-authenticate": "Bearer" },
      })
    if (stored.paused) throw new Problem("RUN_CONFLICT", `The pipeline ${stored.name} is paused.`, { details: { pipeline: stored.name } })
    return stored
  }

  private knows(request: SignedRequest, secret: string): boolean {
    const said = request.headers.get("x-webhook-secret")
    return said === null ? isSigned(request, secret, this.now()) : isSameText(said, secret)
  }

  /** Of two with one path the first by name counts. */
  private async load(): Promise<ReadonlyMap<string, Trigger>> {
    const { store } = this.catalogue.service
    const byPath = new Map<string, Trigger>()
    for (let skip = 0; ; skip += PAGE) {
      const page = await promised(store.listDefinitions({ limit: PAGE, skip }))
      for (const stored of page) {
        const { trigger } = definitionOf(stored)
        if (trigger === undefined || trigger.type !== "webhook") continue
        const loaded = await this.catalogue.loaded(stored)
        const own = loaded.ok && loaded.pipeline.trigger?.type === "webhook" ? loaded.pipeline.trigger : undefined
        if (own !== undefined && !byPath.has(own.path)) byPath.set(own.path, { stored, secret: own.secret })
      }
      if (page.length < PAGE) return byPath
    }
  }
}

const PAGE = 500

/** A list of the API: its first page where it is awaited, all of it in a `for await`. */
import type { Transport } from "./Transport.ts"
import { camel } from "./shapes.ts"

export interface Page<A> extends ReadonlyArray<A> {
  /** Of all pages. */
  readonly total: number
  readonly page: number
  readonly perPage: number
}

type Query = Readonly<Record<string, string | number | undefined>>

export class Listing<A> implements PromiseLike<Page<A>>, AsyncIterable<A> {
  private readonly transport: Transport
  private readonly path: string
  private readonly query: Query
  private readonly shape: (item: unknown) => A
  private first: Promise<Page<A>> | undefined

  constructor(transport: Transport, path: string, query: Query, shape: (item: unknown) => A = camel<A>) {
    this.transport = transport
    this.path = path
    this.query = query
    this.shape = shape
  }

  // oxlint-disable-next-line unicorn/no-thenable -- awaited, it is its first page
  then<B = Page<A>, C = never>(
    done?: ((page: Page<A>) => B | PromiseLike<B>) | null,
    failed?: ((reason: unknown) => C | PromiseLike<C>) | null,
  ): Promise<B | C> {
    this.first ??= this.load(Number(this.query["page"] ?? 1))
    return this.first.then(done, failed)
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<A> {
    let page = await this.then((first) => first)
    for (;;) {
      yield* page
      if (page.length === 0 || page.page * page.perPage >= page.total) return
      page = await this.load(page.page + 1)
    }
  }

  private async load(page: number): Promise<Page<A>> {
    const { data, meta } = await this.transport.json({ method: "GET", path: this.path, query: { ...this.query, page } })
    const items = (data as ReadonlyArray<unknown>).map((item) => this.shape(item))
    return Object.assign(items, { total: meta.total ?? items.length, page: meta.page ?? page, perPage: meta.per_page ?? items.length })
  }
}

/** Parts of lists. */
import type { Answer, Call } from "./Call.ts"
import type { Query } from "./requestQuery.ts"

export interface PageRequest {
  readonly page: number
  readonly perPage: number
  readonly skip: number
}

const DEFAULT_PER_PAGE = 20

export const pageOf = (query: Query): PageRequest => {
  const page = Number(query["page"] ?? 1)
  const perPage = Number(query["limit"] ?? query["per_page"] ?? DEFAULT_PER_PAGE)
  return { page, perPage, skip: (page - 1) * perPage }
}

/** A page with its place among the others, in `meta` and in the header `Link`. */
export const pageAnswer = ({ url, prefix }: Call, { page, perPage }: PageRequest, data: ReadonlyArray<unknown>, total: number): Answer => {
  const last = Math.max(1, Math.ceil(total / perPage))
  const to = (number: number): string => {
    const params = new URLSearchParams(url.search)
    params.set("page", String(number))
    return `${prefix}${url.pathname}?${params.toString()}`
  }
  const links = [
    ...(page < last ? [`<${to(page + 1)}>; rel="next"`] : []),
    ...(page > 1 ? [`<${to(Math.min(page - 1, last))}>; rel="prev"`] : []),
  ]
  return { data, meta: { total, page, per_page: perPage }, headers: links.length === 0 ? {} : { link: links.join(", ") } }
}

export const cut = <A>(all: ReadonlyArray<A>, { skip, perPage }: PageRequest): ReadonlyArray<A> => all.slice(skip, skip + perPage)

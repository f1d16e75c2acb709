/** Finds the endpoint of an address. */
import { type Endpoint, endpoints } from "./contract/endpoints.ts"

export type Found =
  | { readonly kind: "endpoint"; readonly endpoint: Endpoint; readonly params: Readonly<Record<string, string>> }
  /** The address is known, and this method is not. */
  | { readonly kind: "method"; readonly allowed: ReadonlyArray<string> }
  | { readonly kind: "none" }

interface Node {
  readonly fixed: Map<string, Node>
  param: { readonly name: string; readonly node: Node } | undefined
  readonly methods: Map<string, { readonly endpoint: Endpoint; readonly names: ReadonlyArray<string> }>
}

const newNode = (): Node => ({ fixed: new Map(), param: undefined, methods: new Map() })

const root = newNode()

for (const endpoint of endpoints) {
  const names: Array<string> = []
  let node = root
  for (const part of endpoint.path.slice(1).split("/")) {
    if (part.startsWith(":")) {
      names.push(part.slice(1))
      node.param ??= { name: part.slice(1), node: newNode() }
      node = node.param.node
    } else {
      let next = node.fixed.get(part)
      if (next === undefined) node.fixed.set(part, (next = newNode()))
      node = next
    }
  }
  node.methods.set(endpoint.method, { endpoint, names })
}

/** `path` begins below the mount. HEAD is as GET. */
export const findEndpoint = (method: string, path: string): Found => {
  const values: Array<string> = []
  let node: Node | undefined = root
  for (const part of path.slice(1).split("/")) {
    const next: Node | undefined = node.fixed.get(part)
    if (next === undefined && node.param !== undefined && part !== "") {
      const value = decoded(part)
      if (value === undefined) return { kind: "none" }
      values.push(value)
      node = node.param.node
    } else node = next
    if (node === undefined) return { kind: "none" }
  }
  const found = node.methods.get(method === "HEAD" ? "GET" : method)
  if (found !== undefined)
    return { kind: "endpoint", endpoint: found.endpoint, params: Object.fromEntries(found.names.map((name, i) => [name, values[i]!])) }
  if (node.methods.size === 0) return { kind: "none" }
  const allowed = [...node.methods.keys()].flatMap((one) => (one === "GET" ? ["GET", "HEAD"] : [one]))
  return { kind: "method", allowed: [...allowed, "OPTIONS"] }
}

const decoded = (part: string): string | undefined => {
  try {
    return decodeURIComponent(part)
  } catch {
    return undefined // A `%` that begins no escape: no name has one.
  }
}

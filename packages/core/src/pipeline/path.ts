/** Places within a definition: `["transforms", 1, "condition"]`, printed as `transforms[1].condition`. */
export type Path = ReadonlyArray<string | number>

export const formatPath = (path: Path): string =>
  path.reduce<string>((text, part) => {
    if (typeof part === "number") return `${text}[${part}]`
    if (!/^[\w-]+$/.test(part)) return `${text}[${JSON.stringify(part)}]`
    return text === "" ? part : `${text}.${part}`
  }, "")

/** The parts of a printed path: what `formatPath` was given. */
export const parsePath = (text: string): Path =>
  Array.from(text.matchAll(/\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]|([^.[\]]+)/g), ([, index, quoted, name]) => {
    if (index !== undefined) return Number(index)
    return quoted === undefined ? (name ?? "") : String(JSON.parse(quoted))
  })

/** A mapping: neither a list nor an instance of a class, which hosts put into configs in code. */
export const isMapping = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype || Object.getPrototypeOf(prototype) === null
}

/** What stands at the path, or undefined. Keys on prototypes do not count. */
export const valueAt = (root: unknown, path: Path): unknown =>
  path.reduce<unknown>((value, part) => {
    if (Array.isArray(value)) return typeof part === "number" ? (value as ReadonlyArray<unknown>)[part] : undefined
    return typeof value === "object" && value !== null && Object.hasOwn(value, part)
      ? (value as Record<string | number, unknown>)[part]
      : undefined
  }, root)

/** A copy in which the value at the path is another one. The path exists. */
export const withValueAt = (root: unknown, [part, ...rest]: Path, value: unknown): unknown => {
  if (part === undefined) return value
  const inner = withValueAt(valueAt(root, [part]), rest, value)
  return Array.isArray(root) ? root.map((item: unknown, i) => (i === part ? inner : item)) : { ...(root as object), [part]: inner }
}

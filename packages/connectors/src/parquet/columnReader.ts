/** The values of one column, row by row, out of the pages of what it is stored in. */
import { type ColumnType, messageOf, type Row, setOwn, stringifyJson, toRowValue, type Value, ValueError } from "@deltaflow/core"
import type { ChunkPages } from "./chunkPages.ts"
import { type GroupNode, type Leaf, leavesOf, type ListNode, type Node } from "./fileColumns.ts"
import type { Page } from "./page.ts"
import { damaged } from "./problem.ts"

export interface ColumnReader {
  /** Reads as many pages as the next `count` rows need. One call at a time. */
  readonly prepare: (count: number) => Promise<void>
  /** The next rows, for which `prepare` came before. Throws `ValueProblem`. */
  readonly take: (count: number) => Array<Value | null>
  readonly skip: (count: number) => void
}

/** A value that its type cannot hold. */
export class ValueProblem extends Error {
  override readonly name = "ValueProblem"
  /** Among the rows that were asked for, from 0. */
  readonly row: number

  constructor(row: number, cause: unknown) {
    super(messageOf(cause), { cause })
    this.row = row
  }
}

export const columnReader = (node: Node, type: ColumnType, pagesOf: (leaf: Leaf) => ChunkPages): ColumnReader =>
  node.kind === "leaf" && node.leaf.repetition === 0 ? new FlatColumn(pagesOf(node.leaf), node.leaf) : new NestedColumn(node, type, pagesOf)

/** A page with the place up to which it has been taken. */
class OpenPage {
  readonly page: Page
  private readonly definition: number
  at = 0
  private valueAt = 0

  constructor(page: Page, definition: number) {
    this.page = page
    this.definition = definition
  }

  get left(): number {
    return this.page.count - this.at
  }

  /** Puts the next places into `rows`, from the row `from` on. */
  take(rows: Array<Value | null>, from: number, count: number): void {
    const { value, definitions } = this.page
    const { definition, at } = this
    let next = this.valueAt
    let i = 0
    try {
      if (definitions === undefined) for (; i < count; i++) rows[from + i] = value(next++)
      else for (; i < count; i++) rows[from + i] = definitions[at + i] === definition ? value(next++) : null
    } catch (cause) {
      throw new ValueProblem(from + i, cause)
    }
    this.at += count
    this.valueAt = next
  }

  skip(count: number): void {
    const { definitions } = this.page
    if (definitions === undefined) this.valueAt += count
    else for (let i = 0; i < count; i++) if (definitions[this.at + i] === this.definition) this.valueAt++
    this.at += count
  }

  /** The value of the place that is next, null where there is none; passes it. */
  next(): Value | null {
    const { definitions, value } = this.page
    const isThere = definitions === undefined || definitions[this.at] === this.definition
    this.at++
    return isThere ? value(this.valueAt++) : null
  }
}

/** Pages that are loaded and not taken. */
class PageQueue {
  readonly open: Array<OpenPage> = []
  private readonly pages: ChunkPages
  private readonly definition: number
  isEnded = false

  constructor(pages: ChunkPages, definition: number) {
    this.pages = pages
    this.definition = definition
  }

  /** The page that was loaded; undefined at the end. */
  async load(): Promise<Page | undefined> {
    const page = await this.pages.next()
    if (page === undefined) this.isEnded = true
    else this.open.push(new OpenPage(page, this.definition))
    return page
  }

  /** The page that the next place is in. */
  first(): OpenPage {
    while (this.open[0] !== undefined && this.open[0].left === 0) this.open.shift()
    if (this.open[0] === undefined) throw tooFewRows()
    return this.open[0]
  }
}

const tooFewRows = () => damaged("a column has fewer rows than its row group")

class FlatColumn implements ColumnReader {
  private readonly queue: PageQueue
  private ready = 0

  constructor(pages: ChunkPages, leaf: Leaf) {
    this.queue = new PageQueue(pages, leaf.definition)
  }

  async prepare(count: number): Promise<void> {
    while (this.ready < count) {
      const page = await this.queue.load()
      if (page === undefined) throw tooFewRows()
      this.ready += page.count
    }
  }

  take(count: number): Array<Value | null> {
    const rows: Array<Value | null> = []
    this.each(count, (page, taken, some) => page.take(rows, taken, some))
    return rows
  }

  skip(count: number): void {
    this.each(count, (page, _taken, some) => page.skip(some))
  }

  private each(count: number, run: (page: OpenPage, taken: number, some: number) => void): void {
    for (let taken = 0; taken < count;) {
      const page = this.queue.first()
      const some = Math.min(count - taken, page.left)
      run(page, taken, some)
      taken += some
    }
    this.ready -= count
  }
}

/** The places of one stored column of a nested one. */
class LeafPlaces {
  private readonly queue: PageQueue
  private readonly definition: number
  /** Rows that begin in what is loaded and not taken. */
  private begun = 0

  constructor(pages: ChunkPages, { definition }: Leaf) {
    this.queue = new PageQueue(pages, definition)
    this.definition = definition
  }

  /** The last row that is loaded may go on in the next page, so one more has to begin. */
  async prepare(count: number): Promise<void> {
    while (this.begun <= count && !this.queue.isEnded) this.begun += startsIn(await this.queue.load())
    if (this.begun < count) throw tooFewRows()
  }

  /** The definition level of the next place. */
  peek(): number {
    const { page, at } = this.queue.first()
    return page.definitions?.[at] ?? this.definition
  }

  /** The repetition level of the next place; 0 at the end, as where a row begins. */
  repetition(): number {
    const open = this.queue.open.find(({ left }) => left > 0)
    return open?.page.repetitions?.[open.at] ?? 0
  }

  next(): Value | null {
    if (this.repetition() === 0) this.begun--
    return this.queue.first().next()
  }

  pass(): void {
    if (this.repetition() === 0) this.begun--
    this.queue.first().skip(1)
  }

  passRow(): void {
    do this.pass()
    while (this.repetition() > 0)
  }
}

const startsIn = (page: Page | undefined): number => {
  if (page === undefined) return 0
  if (page.repetitions === undefined) return page.count
  let starts = 0
  for (const level of page.repetitions) if (level === 0) starts++
  return starts
}

/** A list, a map or a struct. Lists of values stay lists; all else becomes JSON text. */
class NestedColumn implements ColumnReader {
  private readonly node: Node
  private readonly isJson: boolean
  private readonly places: ReadonlyMap<Leaf, LeafPlaces>

  constructor(node: Node, type: ColumnType, pagesOf: (leaf: Leaf) => ChunkPages) {
    this.node = node
    this.isJson = type === "json"
    this.places = new Map(leavesOf(node).map((leaf) => [leaf, new LeafPlaces(pagesOf(leaf), leaf)]))
  }

  async prepare(count: number): Promise<void> {
    await Promise.all([...this.places.values()].map((places) => places.prepare(count)))
  }

  take(count: number): Array<Value | null> {
    const rows: Array<Value | null> = []
    for (let row = 0; row < count; row++) {
      try {
        rows.push(this.row())
      } catch (cause) {
        throw cause instanceof ValueError ? new ValueProblem(row, cause) : cause
      }
    }
    return rows
  }

  skip(count: number): void {
    for (const places of this.places.values()) for (let row = 0; row < count; row++) places.passRow()
  }

  private row(): Value | null {
    const { node } = this
    if (this.isJson) {
      const value = this.jsonOf(node)
      return value === null ? null : stringifyJson(value)
    }
    return node.kind === "list" ? this.items(node, (item) => this.placesOf(item).next()) : this.placesOf(node).next()
  }

  private jsonOf(node: Node): unknown {
    switch (node.kind) {
      case "leaf":
        return toRowValue(this.placesOf(node).next(), node.leaf.type.type)
      case "list":
        return node.isMap ? this.map(node) : this.items(node, (item) => this.jsonOf(item))
      case "group":
        return this.group(node)
    }
  }

  private group(node: GroupNode): Row | null {
    if (this.placesOf(node).peek() < node.definition) return this.nothing(node, null)
    const row: Row = {}
    for (const field of node.fields) setOwn(row, field.name, this.jsonOf(field.node))
    return row
  }

  private items<A>(node: ListNode, read: (item: Node) => A): Array<A> | null {
    const places = this.placesOf(node)
    const level = places.peek()
    if (level < node.definition) return this.nothing(node, null)
    if (level < node.itemDefinition) return this.nothing(node, [])
    const items: Array<A> = []
    do items.push(read(node.item))
    while (places.repetition() === node.repetition)
    return items
  }

  /** An object where the keys are texts, else a list of pairs. */
  private map(node: ListNode): Row | ReadonlyArray<unknown> | null {
    const entries = this.items(node, (item) => this.entry(item as GroupNode))
    const [key] = (node.item as GroupNode).fields
    if (entries === null || key?.node.kind !== "leaf" || key.node.leaf.type.type !== "string") return entries
    const row: Row = {}
    for (const entry of entries) {
      const name = entry.key as string
      if (Object.hasOwn(row, name)) throw new ValueError("json", `the map has the key ${JSON.stringify(name)} twice`)
      setOwn(row, name, entry.value)
    }
    return row
  }

  private entry({ fields: [key, value] }: GroupNode): { readonly key: unknown; readonly value: unknown } {
    return { key: this.jsonOf(key!.node), value: value === undefined ? null : this.jsonOf(value.node) }
  }

  /** Passes the place that says that nothing is there. */
  private nothing<A>(node: Node, value: A): A {
    for (const leaf of leavesOf(node)) this.places.get(leaf)!.pass()
    return value
  }

  private placesOf(node: Node): LeafPlaces {
    return this.places.get(leavesOf(node)[0]!)!
  }
}

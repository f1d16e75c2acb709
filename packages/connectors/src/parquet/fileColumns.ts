/** The columns of a file as ours: what its schema, a tree of groups, comes to. */
import { type ColumnType, elementType, formatValue, isArrayType, parseValue, type ScalarType, type Value } from "@deltaflow/core"
import type { SchemaElement } from "hyparquet"
import type { Lane, Physical } from "./lane.ts"
import { leafType, type LeafType, type ReadValue } from "./leafTypes.ts"
import { damaged } from "./problem.ts"

/** One stored column. A value has a definition level: how many of the optional and repeated groups around it are there. */
export interface Leaf {
  /** Its place among the stored columns, the same in every row group. */
  readonly index: number
  readonly physical: Physical
  readonly type: LeafType
  readonly read: (lane: Lane) => ReadValue
  /** The level at which there is a value. */
  readonly definition: number
  /** How many lists it is in. */
  readonly repetition: number
}

/** Something is there where the definition level is at least `definition`, else null. */
export type Node = { readonly kind: "leaf"; readonly definition: number; readonly leaf: Leaf } | GroupNode | ListNode

export interface GroupNode {
  readonly kind: "group"
  readonly definition: number
  readonly fields: ReadonlyArray<Field>
  readonly leaves: ReadonlyArray<Leaf>
}

export interface ListNode {
  readonly kind: "list"
  readonly definition: number
  /** At this level there is an item. */
  readonly itemDefinition: number
  /** The repetition level of each item but the first. */
  readonly repetition: number
  readonly item: Node
  /** Items are pairs of a key and a value. */
  readonly isMap: boolean
  readonly leaves: ReadonlyArray<Leaf>
}

export interface Field {
  readonly name: string
  readonly node: Node
}

export interface FileColumn {
  readonly name: string
  readonly type: ColumnType
  readonly isRequired: boolean
  readonly node: Node
  /** Why it cannot be read; undefined where it can. */
  readonly problem: string | undefined
}

/** Throws `ParquetProblem` where the schema is no tree. */
export const fileColumns = (schema: ReadonlyArray<SchemaElement>): ReadonlyArray<FileColumn> => new SchemaReader(schema).columns()

export const leavesOf = (node: Node): ReadonlyArray<Leaf> => (node.kind === "leaf" ? [node.leaf] : node.leaves)

/** Groups that are within each other. */
const DEEPEST = 100

interface Levels {
  readonly definition: number
  readonly repetition: number
}

class SchemaReader {
  private readonly schema: ReadonlyArray<SchemaElement>
  private at = 0
  private leafCount = 0
  private depth = 0
  private problem: string | undefined

  constructor(schema: ReadonlyArray<SchemaElement>) {
    this.schema = schema
  }

  columns(): ReadonlyArray<FileColumn> {
    const root = this.next()
    return Array.from({ length: root.num_children ?? 0 }, () => this.column())
  }

  private column(): FileColumn {
    this.problem = undefined
    const element = this.schema[this.at]
    const node = this.node({ definition: 0, repetition: 0 })
    return {
      name: element!.name,
      type: columnType(node),
      isRequired: element!.repetition_type === "REQUIRED",
      node,
      problem: this.problem,
    }
  }

  private next(): SchemaElement {
    const element = this.schema[this.at++]
    if (element === undefined) throw damaged("its schema names more columns than it has")
    return element
  }

  /** The element that comes next with all below it. */
  private node(outer: Levels): Node {
    const element = this.next()
    if (element.repetition_type !== "REPEATED") return this.single(element, outer)
    // A repeated element that no list is around is a list by itself, and never null.
    return this.list(outer.definition, outer, false, (levels) => this.single(element, levels))
  }

  private single(element: SchemaElement, outer: Levels): Node {
    const levels = element.repetition_type === "OPTIONAL" ? { ...outer, definition: outer.definition + 1 } : outer
    if ((element.num_children ?? 0) === 0) return this.leaf(element, levels)
    if (++this.depth > DEEPEST) throw damaged(`its schema has groups that are more than ${DEEPEST} deep`)
    const node = this.group(element, levels)
    this.depth--
    return node
  }

  private group(element: SchemaElement, levels: Levels): Node {
    const { logical_type: logical, converted_type: converted } = element
    if (logical?.type === "VARIANT") this.problem = "the type VARIANT is not read"
    const child = this.schema[this.at]
    if (element.num_children === 1 && child?.repetition_type === "REPEATED") {
      if (logical?.type === "MAP" || converted === "MAP" || converted === "MAP_KEY_VALUE") return this.mapOf(levels)
      if (logical?.type === "LIST" || converted === "LIST") return this.listOf(element, levels)
    }
    return this.fields(element, levels)
  }

  private fields(element: SchemaElement, levels: Levels): Node {
    const fields = Array.from({ length: element.num_children ?? 0 }, (): Field => {
      const { name } = this.schema[this.at] ?? { name: "" }
      return { name, node: this.node(levels) }
    })
    return { kind: "group", definition: levels.definition, fields, leaves: fields.flatMap(({ node }) => leavesOf(node)) }
  }

  private mapOf(levels: Levels): Node {
    const entry = this.next()
    return this.list(levels.definition, levels, true, (inner) => this.fields(entry, inner))
  }

  /** Writers have put lists in several forms; these are the rules of the format for telling them apart. */
  private listOf(element: SchemaElement, levels: Levels): Node {
    const repeated = this.next()
    return this.list(levels.definition, levels, false, (inner) => {
      const count = repeated.num_children ?? 0
      const isItem =
        count !== 1 ||
        repeated.name === "array" ||
        repeated.name === `${element.name}_tuple` ||
        this.schema[this.at]?.repetition_type === "REPEATED"
      if (!isItem) return this.node(inner)
      return count === 0 ? this.leaf(repeated, inner) : this.fields(repeated, inner)
    })
  }

  private list(definition: number, outer: Levels, isMap: boolean, item: (levels: Levels) => Node): ListNode {
    const levels = { definition: outer.definition + 1, repetition: outer.repetition + 1 }
    const node = item(levels)
    return {
      kind: "list",
      definition,
      itemDefinition: levels.definition,
      repetition: levels.repetition,
      item: node,
      isMap,
      leaves: leavesOf(node),
    }
  }

  private leaf(element: SchemaElement, { definition, repetition }: Levels): Node {
    const { type } = element
    if (type === undefined) {
      // A group without anything in it; there is nothing of it in the file.
      this.problem = "it is a group without fields"
      return { kind: "group", definition, fields: [], leaves: [] }
    }
    const found = leafType(element)
    if (found === undefined)
      this.problem = `the type ${element.logical_type?.type ?? element.converted_type ?? type} of ${type} is not read`
    const known = found ?? UNREAD
    const physical = { type, width: element.type_length ?? 0 }
    return { kind: "leaf", definition, leaf: { index: this.leafCount++, physical, type: known, read: known.read, definition, repetition } }
  }
}

const UNREAD: LeafType = {
  type: "string",
  read: () => () => {
    throw new TypeError("a column that is not read")
  },
}

const columnType = (node: Node): ColumnType => {
  if (node.kind === "leaf") return node.leaf.type.type
  return node.kind === "list" && !node.isMap && node.item.kind === "leaf" ? `${node.item.leaf.type.type}[]` : "json"
}

/** The same column, read as another type. A value that is none of it is an error when it is read. */
export const readAs = (column: FileColumn, type: ColumnType): FileColumn => {
  if (type === column.type) return column
  const { node } = column
  if (node.kind === "leaf" && !isArrayType(type)) return { ...column, type, node: leafAs(node, type) }
  if (isArrayType(type) && node.kind === "list" && node.item.kind === "leaf" && !node.isMap) {
    const item = leafAs(node.item, elementType(type))
    return { ...column, type, node: { ...node, item, leaves: leavesOf(item) } }
  }
  return { ...column, type, problem: column.problem ?? `it is ${column.type}, and cannot be read as ${type}` }
}

type LeafNode = Extract<Node, { readonly kind: "leaf" }>

const leafAs = (node: LeafNode, type: ScalarType): LeafNode => {
  const { leaf } = node
  const from = leaf.type.type
  const read =
    leaf.type.readAs?.[type] ??
    ((lane: Lane): ReadValue => {
      const value = leaf.type.read(lane)
      return (i): Value => parseValue(formatValue(value(i), from), type)
    })
  // Bounds are those of the type as it is stored.
  const { bound: _bound, ...rest } = leaf.type
  return { ...node, leaf: { ...leaf, read, type: { ...rest, type } } }
}

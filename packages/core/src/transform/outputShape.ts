/**
 * The columns that a custom step gives, from batch to batch: columns are only ever added, types only widen, so that the same rows give the
 * same columns however they are cut into batches.
 */
import { type BatchSchema, type ColumnSchema, type ColumnType, isSameSchema } from "../model/ColumnType.ts"
import { widenRowTypes } from "./derivedColumns.ts"
import { RowTakers } from "./rowTaker.ts"
import { Kind, mayHold, smallestType } from "./rowValueKinds.ts"
import type { Backend } from "./Step.ts"

/** What one batch says about one column. */
export interface ColumnFinding {
  readonly name: string
  /** Kinds of the values that the function gave, as bits. */
  readonly kinds: number
  /** The type of the input column of the same name. */
  readonly hint: ColumnType | undefined
  /** Whether the function gives changes to the rows, and not rows. */
  readonly isPatch: boolean
  /** Whether rows keep the input column's value. */
  readonly keepsBase: boolean
  /** Whether all values that were given can be read as the type; asked only where their kinds may hold it. */
  readonly fits: (type: ColumnType) => boolean
  /** The type of the first value that is not null. */
  readonly firstType: () => ColumnType
}

interface Known {
  readonly type: ColumnType
  /** Only nulls were seen so far. */
  readonly isGuess: boolean
}

export class OutputShape {
  readonly declared: ReadonlyMap<string, ColumnType>
  private readonly isDeclared: boolean
  readonly takers: RowTakers
  private readonly known = new Map<string, Known>()
  private readonly nullable = new Set<string>()
  private last: BatchSchema = { columns: [] }

  private readonly allNullable: boolean

  /** `allNullable`: later rows may leave any column out. */
  constructor(declared: Readonly<Record<string, ColumnType>> | undefined, backend: Backend = "closure", allNullable = false) {
    this.allNullable = allNullable
    this.takers = new RowTakers(backend)
    this.declared = new Map(Object.entries(declared ?? {}))
    this.isDeclared = declared !== undefined
  }

  /** The schema of the last batch. */
  get schema(): BatchSchema {
    return this.last
  }

  /** Whether the column was declared or has come before. */
  knows(name: string): boolean {
    return this.declared.has(name) || this.known.has(name)
  }

  /** One type for all that is known of the column. Values that do not fit it are the row's fault. */
  typeFor(finding: ColumnFinding): ColumnType {
    const type = this.declared.get(finding.name) ?? this.pinned(finding) ?? this.decide(finding)
    const before = this.known.get(finding.name)
    const isGuess = finding.kinds === Kind.none && finding.hint === undefined && (before === undefined || before.isGuess)
    this.known.set(finding.name, { type, isGuess })
    return type
  }

  /** With its columns declared, a patch leaves the types of all others as they are: no batch, and no thread, sees other types. */
  private pinned({ isPatch, hint }: ColumnFinding): ColumnType | undefined {
    return isPatch && this.isDeclared ? hint : undefined
  }

  private decide(finding: ColumnFinding): ColumnType {
    const { kinds, hint, keepsBase } = finding
    const before = this.known.get(finding.name)
    const known = before === undefined || before.isGuess ? undefined : before.type
    const candidates = [known, hint].filter((type) => type !== undefined)
    const own = candidates.find((type) => mayHold(type, kinds) && finding.fits(type)) ?? smallestType(kinds) ?? finding.firstType()
    return [known, keepsBase ? hint : undefined].reduce<ColumnType>(
      (type, other) => (other === undefined ? type : (widenRowTypes(other, type) ?? other)),
      own,
    )
  }

  /** Remembers that a column which never was null now is. */
  gaveNull(name: string): void {
    this.nullable.add(name)
  }

  isNullable(column: ColumnSchema): boolean {
    return column.nullable || this.allNullable || this.nullable.has(column.name)
  }

  /** The schema of these columns: the same object as long as nothing changes. */
  next(columns: ReadonlyArray<ColumnSchema>): BatchSchema {
    const schema = { columns }
    if (!isSameSchema(schema, this.last)) this.last = schema
    return this.last
  }
}

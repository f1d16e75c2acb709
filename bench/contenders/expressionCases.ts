/** Per type: an expression, its columns, and the loop that somebody would write by hand for it. */
import type { Decimal as DecimalClass } from "../../packages/core/src/model/Decimal.ts"

type Values = ReadonlyArray<any>

export interface Case {
  readonly name: string
  readonly expression: string
  readonly columns: ReadonlyArray<{ readonly name: string; readonly type: string; readonly make: (row: number) => any }>
  readonly byHand: (rows: number, ...columns: ReadonlyArray<Values>) => Array<any>
}

const words = ["Ada Lovelace", "grace hopper", "Alan Turing", "josé garcía", "Linus", "Margaret Hamilton", "東京", "edsger"]
const DAY = 86_400_000_000

const fail = (what: string): never => {
  throw new Error(`${what} is out of range`)
}

/** Whole numbers that stay safe, as everybody's do who counts in doubles. */
const safe = (value: number): number => (value > Number.MAX_SAFE_INTEGER || value < -Number.MAX_SAFE_INTEGER ? fail("integer") : value)

type Make = (row: number) => any
const column = (type: string) => (name: string, make: Make) => ({ name, type, make })
const integer = column("integer")
const double = column("double")
const decimal = column("decimal")
const boolean = column("boolean")
const string = column("string")
const date = column("date")
const timestamp = column("timestamp")

/** `Decimal` is the class of the product under test. */
export const cases = (Decimal: typeof DecimalClass): ReadonlyArray<Case> => [
  {
    name: "integer arithmetic",
    expression: "a * 3 + b - 7",
    columns: [integer("a", (row) => row - 2500), integer("b", (row) => row * 977)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        const y = b[i]
        out[i] = x === null || y === null ? null : safe(safe(safe(x * 3) + y) - 7) + 0
      }
      return out
    },
  },
  {
    name: "integer comparison",
    expression: "a > 1000 AND b <> 977",
    columns: [integer("a", (row) => row - 2500), integer("b", (row) => row * 977)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        const y = b[i]
        const first = x === null ? null : x > 1000
        const second = y === null ? null : y !== 977
        out[i] = first === false || second === false ? false : first === null || second === null ? null : true
      }
      return out
    },
  },
  {
    name: "integer of 64 bits",
    expression: "a + b",
    columns: [integer("a", (row) => 2n ** 60n + BigInt(row)), integer("b", (row) => row)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        const y = b[i]
        if (x === null || y === null) out[i] = null
        else {
          const sum: bigint = BigInt(x) + BigInt(y)
          if (BigInt.asIntN(64, sum) !== sum) fail("sum")
          out[i] = sum <= 9007199254740991n && sum >= -9007199254740991n ? Number(sum) : sum
        }
      }
      return out
    },
  },
  {
    name: "double arithmetic",
    expression: "x * 1.5::double precision + y",
    columns: [double("x", (row) => row / 7), double("y", (row) => row * 1e3)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        const y = b[i]
        if (x === null || y === null) out[i] = null
        else {
          const product = x * 1.5
          if (!Number.isFinite(product) && Number.isFinite(x)) fail("product")
          if (product === 0 && x !== 0) fail("product")
          const sum = product + y
          if (!Number.isFinite(sum) && Number.isFinite(product) && Number.isFinite(y)) fail("sum")
          out[i] = sum
        }
      }
      return out
    },
  },
  {
    name: "decimal arithmetic",
    expression: "price * quantity + fee",
    columns: [
      decimal("price", (row) => new Decimal(100 + row, 2)),
      integer("quantity", (row) => row % 9),
      decimal("fee", (row) => new Decimal(row % 100, 2)),
    ],
    byHand: (rows, a, b, c) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        const y = b[i]
        const z = c[i]
        out[i] = x === null || y === null || z === null ? null : Decimal.add(Decimal.multiply(x, Decimal.fromWhole(y)), z)
      }
      return out
    },
  },
  {
    name: "decimal comparison",
    expression: "price >= 12.5",
    columns: [decimal("price", (row) => new Decimal(100 + row, 2))],
    byHand: (rows, a) => {
      const out = new Array(rows)
      const limit = new Decimal(125, 1)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        out[i] = x === null ? null : Decimal.compare(x, limit) >= 0
      }
      return out
    },
  },
  {
    name: "boolean logic",
    expression: "p AND NOT q OR p IS NULL",
    columns: [boolean("p", (row) => row % 3 === 0), boolean("q", (row) => row % 2 === 0)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const p = a[i]
        const q = b[i]
        out[i] = p === null ? true : p === false ? false : q === null ? null : !q
      }
      return out
    },
  },
  {
    name: "string building",
    expression: "upper(s) || '-' || t",
    columns: [string("s", (row) => words[row % words.length]), string("t", (row) => `n${row}`)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const s = a[i]
        const t = b[i]
        out[i] = s === null || t === null ? null : `${s.toUpperCase()}-${t}`
      }
      return out
    },
  },
  {
    name: "string test",
    expression: "s LIKE 'A%' OR t = 'n17'",
    columns: [string("s", (row) => words[row % words.length]), string("t", (row) => `n${row}`)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const s = a[i]
        const t = b[i]
        const first = s === null ? null : s.startsWith("A")
        const second = t === null ? null : t === "n17"
        out[i] = first === true || second === true ? true : first === null || second === null ? null : false
      }
      return out
    },
  },
  {
    name: "string part",
    expression: "substring(s FROM 2 FOR 3)",
    columns: [string("s", (row) => words[row % words.length])],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const s = a[i]
        // Characters and not UTF-16 units.
        out[i] =
          s === null
            ? null
            : /[\uD800-\uDFFF]/.test(s)
              ? Array.from(s as string)
                  .slice(1, 4)
                  .join("")
              : s.slice(1, 4)
      }
      return out
    },
  },
  {
    name: "date arithmetic",
    expression: "d + 30 - e",
    columns: [date("d", (row) => 20_000 + row), date("e", (row) => 19_000 + 2 * row)],
    byHand: (rows, a, b) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const d = a[i]
        const e = b[i]
        if (d === null || e === null) out[i] = null
        else {
          const later = d + 30
          if (!Number.isFinite(later) || !Number.isFinite(e) || later > 2_145_031_948 || later < -2_440_588) fail("date")
          out[i] = later - e
        }
      }
      return out
    },
  },
  {
    name: "timestamp arithmetic",
    expression: "t + interval '36 hours'",
    columns: [timestamp("t", (row) => 1_700_000_000_000_000 + row * 1_000_003)],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const t = a[i]
        // Infinity is a timestamp, and stays.
        out[i] = t === null ? null : Number.isFinite(t) ? safe(t + 36 * 3_600_000_000) : t
      }
      return out
    },
  },
  {
    name: "timestamp truncated",
    expression: "date_trunc('day', t)",
    columns: [timestamp("t", (row) => 1_700_000_000_000_000 + row * 1_000_003)],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const t = a[i]
        out[i] = t === null ? null : Number.isFinite(t) ? safe(Math.floor(t / DAY) * DAY) : t
      }
      return out
    },
  },
  {
    name: "timestamptz, part of",
    expression: "date_part('year', t)",
    columns: [{ ...timestamp("t", (row) => 1_700_000_000_000_000 + row * 86_400_000_003), type: "timestamptz" }],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const t = a[i]
        out[i] = t === null ? null : Number.isFinite(t) ? new Date(Math.floor(t / 1000)).getUTCFullYear() : t
      }
      return out
    },
  },
  {
    name: "json, a key",
    expression: "j ->> 'name'",
    columns: [{ name: "j", type: "json", make: (row) => JSON.stringify({ id: row, name: words[row % words.length], tags: ["a", "b"] }) }],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const j = a[i]
        out[i] = j === null ? null : ((JSON.parse(j) as { readonly name?: string }).name ?? null)
      }
      return out
    },
  },
  {
    name: "array, an element",
    expression: "list[2]",
    columns: [{ name: "list", type: "integer[]", make: (row) => [row, row + 1, row + 2] }],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const list = a[i]
        out[i] = list === null ? null : (list[1] ?? null)
      }
      return out
    },
  },
  {
    name: "uuid comparison",
    expression: "u = '00000000-0000-4000-8000-000000000011'::uuid",
    columns: [{ name: "u", type: "uuid", make: (row) => `00000000-0000-4000-8000-${String(row).padStart(12, "0")}` }],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const u = a[i]
        out[i] = u === null ? null : u === "00000000-0000-4000-8000-000000000011"
      }
      return out
    },
  },
  {
    name: "bytes, length",
    expression: "length(b)",
    columns: [{ name: "b", type: "bytes", make: (row) => new Uint8Array(row % 50) }],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const b = a[i]
        out[i] = b === null ? null : b.length
      }
      return out
    },
  },
  {
    name: "case",
    expression: "CASE WHEN a > 1000 THEN 'high' WHEN a > 0 THEN 'low' ELSE 'none' END",
    columns: [integer("a", (row) => row - 2500)],
    byHand: (rows, a) => {
      const out = new Array(rows)
      for (let i = 0; i < rows; i++) {
        const x = a[i]
        out[i] = x !== null && x > 1000 ? "high" : x !== null && x > 0 ? "low" : "none"
      }
      return out
    },
  },
]

/** What there is, for whoever only runs it. */
export const caseNames: ReadonlyArray<Pick<Case, "name" | "expression">> = cases(undefined as never).map(({ name, expression }) => ({
  name,
  expression,
}))

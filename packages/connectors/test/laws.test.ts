/** Every built-in source, destination and step keeps the laws that any plugin has to keep. */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import { gunzipSync, gzipSync } from "node:zlib"
import {
  type BatchSchema,
  createEngine,
  type ColumnType,
  Decimal,
  defineTransform,
  type Files,
  formatValue,
  fromRowValue,
  isArrayType,
  type Row,
  type RowValue,
  setOwn,
  type StepDefinition,
  type Transform,
} from "@deltaflow/core"
import {
  destinationLaws,
  type DestinationPlace,
  memoryFiles,
  type MemoryFiles,
  runLaws,
  sourceLaws,
  type SourceLawsOptions,
  transformLaws,
} from "@deltaflow/testing"
import { afterAll, describe, test } from "vitest"
import { csvDestination, makeCsvSource } from "../src/csv/index.ts"
import { jsonDestination, makeJsonSource } from "../src/json/index.ts"
import { memoryDestination, memorySource } from "../src/memory/index.ts"
import { makeNdjsonSource, ndjsonDestination } from "../src/ndjson/index.ts"
import { sqliteDestination, sqliteSource } from "../src/sqlite/index.ts"
import { WriterPlace } from "../src/sqlite/writers.ts"

const folders: Array<string> = []
afterAll(() => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

const newFolder = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "deltaflow-laws-"))
  folders.push(folder)
  return folder
}

const PROJECT = "/project"

const diskWith = (files: Readonly<Record<string, string | Uint8Array>>): MemoryFiles => {
  const disk = memoryFiles()
  disk.put(`${PROJECT}/.keep`, "")
  for (const [path, content] of Object.entries(files)) disk.put(`${PROJECT}/${path}`, content)
  return disk
}

/** Texts with all that a format has to quote, over the borders of any small chunk. */
const TEXTS = ["plain", "", 'say "hi", she said', "two\nlines", "carriage\r\nreturn", "é😀", "0042", " x ", "\\N", "=1+1", "{}", null]

const ROWS: ReadonlyArray<Row> = Array.from({ length: 37 }, (_, i) => ({
  id: i,
  big: 9_007_199_254_740_993n + BigInt(i),
  price: Decimal.parse(`${i}.50`)!,
  day: `2024-02-${String(1 + (i % 29)).padStart(2, "0")}`,
  text: TEXTS[i % TEXTS.length]!,
  ok: i % 3 === 0 ? null : i % 2 === 0,
}))

const COLUMNS = { id: "integer", big: "integer", price: "decimal", day: "date", text: "string", ok: "boolean" } as const

const csvField = (value: RowValue): string =>
  value === null ? "" : typeof value === "string" ? `"${value.replaceAll('"', '""')}"` : String(value)

const csvText = (rows: ReadonlyArray<Row>): string =>
  `id,big,price,day,text,ok\n${rows.map((row) => `${Object.values(row).map(csvField).join(",")}\n`).join("")}`

const jsonValue = (value: RowValue): string =>
  typeof value === "bigint" || value instanceof Decimal ? String(value) : JSON.stringify(value)

const jsonObject = (row: Row): string =>
  `{${Object.entries(row)
    .map(([name, value]) => `${JSON.stringify(name)}:${jsonValue(value)}`)
    .join(",")}}`

const ndjsonText = (rows: ReadonlyArray<Row>): string => rows.map((row) => `${jsonObject(row)}\n`).join("")

const jsonText = (rows: ReadonlyArray<Row>): string =>
  `{"page": 1, "data": {"rows": [\n${rows.map(jsonObject).join(",\n")}\n]}, "next": null}\n`

const SMALL = { chunkBytes: 150, sampleBytes: 300, sampleRows: 4 }

const inThree = (write: (rows: ReadonlyArray<Row>) => string | Uint8Array, extension: string) => ({
  [`in/a.${extension}`]: write(ROWS.slice(0, 20)),
  [`in/b.${extension}`]: write(ROWS.slice(20, 21)),
  [`in/c.${extension}`]: write(ROWS.slice(21)),
})

const fileSource = (
  source: SourceLawsOptions["source"],
  files: Readonly<Record<string, string | Uint8Array>>,
  config: object,
  more: Partial<SourceLawsOptions> = {},
): SourceLawsOptions => ({
  source,
  config,
  rows: ROWS,
  columns: COLUMNS,
  projectRoot: PROJECT,
  files: diskWith(files),
  badConfigs: [{ path: "none" }, { path: "../up" }, { path: ".keep" }],
  ...more,
})

describe("the csv source", () => {
  const source = makeCsvSource(SMALL)
  const gzipped = (rows: ReadonlyArray<Row>) => gzipSync(csvText(rows))
  describe("over several files", () => {
    runLaws(sourceLaws(fileSource(source, inThree(csvText, "csv"), { path: "in/*.csv" })), { test })
  })
  describe("over archives", () => {
    runLaws(sourceLaws(fileSource(source, inThree(gzipped, "csv.gz"), { path: "in/*.csv.gz" })), { test })
  })
  describe("in UTF-16", () => {
    const wide = (rows: ReadonlyArray<Row>) => Buffer.from(`\ufeff${csvText(rows)}`, "utf16le")
    runLaws(sourceLaws(fileSource(source, inThree(wide, "csv"), { path: "in/*.csv" })), { test })
  })
  describe("lenient, with Windows line ends", () => {
    const windows = (rows: ReadonlyArray<Row>) => csvText(rows).replaceAll(/(?<!\r)\n/g, "\r\n")
    const rows = ROWS.map((row) => ({
      ...row,
      text: typeof row["text"] === "string" ? row["text"].replaceAll(/(?<!\r)\n/g, "\r\n") : null,
    }))
    runLaws(sourceLaws(fileSource(source, inThree(windows, "csv"), { path: "in/*.csv", lenient: true }, { rows })), { test })
  })
})

describe("the ndjson source", () => {
  const source = makeNdjsonSource(SMALL)
  describe("over several files", () => {
    runLaws(sourceLaws(fileSource(source, inThree(ndjsonText, "ndjson"), { path: "in/*.ndjson" })), { test })
  })
  describe("over archives", () => {
    const gzipped = (rows: ReadonlyArray<Row>) => gzipSync(ndjsonText(rows))
    runLaws(sourceLaws(fileSource(source, inThree(gzipped, "gz"), { path: "in/*.gz" })), { test })
  })
})

describe("the json source", () => {
  const source = makeJsonSource(150)
  describe("with the rows somewhere in the text", () => {
    runLaws(sourceLaws(fileSource(source, inThree(jsonText, "json"), { path: "in/*.json", records: "data.rows" })), { test })
  })
  describe("with the rows as the text", () => {
    const array = (rows: ReadonlyArray<Row>) => `[${rows.map(jsonObject).join(",")}]`
    runLaws(sourceLaws(fileSource(source, inThree(array, "json"), { path: "in/*.json" })), { test })
  })
  describe("with one row in each file", () => {
    const files = Object.fromEntries(ROWS.slice(0, 9).map((row, i) => [`in/${i}.json`, jsonObject(row)]))
    runLaws(sourceLaws(fileSource(source, files, { path: "in/*.json" }, { rows: ROWS.slice(0, 9) })), { test })
  })
})

describe("the memory source", () => {
  const options = { config: {}, rows: ROWS, columns: COLUMNS, badConfigs: [{ dataset: "none" }] }
  describe("over an array", () => {
    runLaws(sourceLaws({ source: memorySource({ rows: ROWS }), ...options }), { test })
  })
  describe("over an async iterable", () => {
    async function* made(): AsyncGenerator<object> {
      yield* ROWS
    }
    runLaws(sourceLaws({ source: memorySource({ rows: made }), ...options }), { test })
  })
})

describe("the sqlite source", () => {
  const projectRoot = newFolder()
  const database = new DatabaseSync(join(projectRoot, "in.db"))
  database.exec(
    'CREATE TABLE sales (id INTEGER PRIMARY KEY, big INTEGER, price "DECIMAL TEXT", day "DATE TEXT", text TEXT, ok BOOLEAN, step INTEGER)',
  )
  const insert = database.prepare("INSERT INTO sales VALUES (?, ?, ?, ?, ?, ?, ?)")
  // Several rows share each step, so that a cursor may stand between rows with the same value.
  const rows = ROWS.map((row, i) => ({ ...row, step: Math.floor(i / 4) }))
  for (const { id, big, price, day, text, ok, step } of rows as ReadonlyArray<Record<string, unknown>>)
    insert.run(id as number, big as bigint, String(price), day as string, text as string, ok === null ? null : Number(ok), step as number)
  database.close()
  const options = { source: sqliteSource, projectRoot, columns: { ...COLUMNS, step: "integer" }, rows } as const
  const byStep = { column: "step", key: ["id"] }
  const badConfigs = [
    { path: "none.db", table: "sales" },
    { path: "in.db", table: "none" },
    { path: "in.db", query: "SELECT" },
  ]
  describe("over a table", () => {
    runLaws(sourceLaws({ ...options, config: { path: "in.db", table: "sales" }, badConfigs, incremental: false }), { test })
  })
  describe("by a column with a key", () => {
    runLaws(sourceLaws({ ...options, config: { path: "in.db", table: "sales" }, badConfigs, incremental: byStep }), { test })
  })
  describe("by a column alone, over a query", () => {
    const config = { path: "in.db", query: "SELECT * FROM sales" }
    runLaws(sourceLaws({ ...options, config, badConfigs, incremental: { column: "step" } }), { test })
  })
})

const filePlace = async (files: MemoryFiles, readBack: DestinationPlace["readBack"], config: object): Promise<DestinationPlace> => ({
  config,
  files,
  projectRoot: PROJECT,
  readBack,
})

const textOf = (value: RowValue, type: ColumnType): string | null => {
  const own = fromRowValue(value, type)
  return own === null ? null : formatValue(own, type)
}

const textRows = (rows: ReadonlyArray<Row>, { columns }: BatchSchema): ReadonlyArray<Row> =>
  rows.map((row) => mapRow(row, (value, name) => textOf(value, columns.find((column) => column.name === name)!.type)))

const mapRow = (row: Row, change: (value: RowValue, name: string) => RowValue): Row => {
  const made: Row = {}
  for (const [name, value] of Object.entries(row)) setOwn(made, name, change(value, name))
  return made
}

/** The whole file as text; empty where there is none. */
const contentOf = async (files: Files, path: string, decode: (bytes: Buffer) => string = String): Promise<string> => {
  const size = (await files.stat(path))?.size
  if (size === undefined) return ""
  const handle = await files.openRead(path)
  const bytes = Buffer.alloc(size)
  await handle.read(bytes, 0)
  await handle.close()
  return decode(bytes)
}

/** RFC 4180 by hand, so that what is written is not judged by our own reader: null is empty and unquoted. */
const parseCsv = (content: string): ReadonlyArray<Row> => {
  if (content === "") return []
  const lines: Array<Array<string | null>> = [[]]
  const field = /(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/gy
  while (field.lastIndex < content.length) {
    const [, quoted, plain = "", end] = field.exec(content)!
    lines.at(-1)!.push(quoted?.replaceAll('""', '"') ?? (plain === "" ? null : plain))
    if (end === "\n") lines.push([])
  }
  const [names, ...rows] = lines.slice(0, -1)
  return rows.map((values) => rowOf(names!.map((name, i) => [name!, values[i]!] as const)))
}

const rowOf = (entries: ReadonlyArray<readonly [string, RowValue]>): Row => {
  const made: Row = {}
  for (const [name, value] of entries) setOwn(made, name, value)
  return made
}

/** Numbers by their digits, so that none is judged by what a double makes of it. */
const exactly = (_key: string, value: unknown, context?: { readonly source?: string }): unknown =>
  typeof value === "number" ? { number: Decimal.parse(context!.source!)!.toString() } : value

const parseExactly = (text: string): unknown => JSON.parse(text, exactly as never)

/** How a row's values stand in JSON. */
const jsonRows = (rows: ReadonlyArray<Row>, { columns }: BatchSchema): ReadonlyArray<Row> =>
  rows.map((row) => rowOf(columns.map(({ name, type }) => [name, inJson(row[name], type)] as const)))

const inJson = (value: RowValue, type: ColumnType): unknown => {
  if (value === null) return null
  if (type === "json") return parseExactly(textOf(value, type)!)
  if (isArrayType(type)) return (value as ReadonlyArray<RowValue>).map((item) => inJson(item, type.slice(0, -2) as ColumnType))
  if (type === "boolean") return value
  const text = textOf(value, type)!
  const isNumber = type === "integer" || ((type === "double" || type === "decimal") && /\d/.test(text))
  return isNumber ? { number: Decimal.parse(text)!.toString() } : text
}

const unpackedText = (bytes: Buffer): string => (bytes.length === 0 ? "" : gunzipSync(bytes).toString())
const wideText = (bytes: Buffer): string => bytes.toString("utf16le").replace("\ufeff", "")

describe.each<[string, object, ((bytes: Buffer) => string)?]>([
  ["plain", {}],
  ["in an archive", { compression: "gzip" }, unpackedText],
  ["in UTF-16", { encoding: "utf-16le" }, wideText],
])("the csv destination, %s", (_how, config, decode) => {
  const make = () => {
    const files = diskWith({})
    const readBack = async () => parseCsv(await contentOf(files, `${PROJECT}/out.csv`, decode))
    return filePlace(files, readBack, { path: "out.csv", ...config })
  }
  runLaws(destinationLaws({ destination: csvDestination, make, expected: textRows, runs: decode === undefined ? 30 : 12 }), { test })
})

describe.each<[string, object, ((bytes: Buffer) => string)?]>([
  ["plain", {}],
  ["in an archive", { compression: "gzip" }, unpackedText],
])("the ndjson destination, %s", (_how, config, decode) => {
  const make = () => {
    const files = diskWith({})
    const readBack = async () => {
      const lines = (await contentOf(files, `${PROJECT}/out.ndjson`, decode)).split("\n")
      return lines.filter((line) => line !== "").map((line) => parseExactly(line) as Row)
    }
    return filePlace(files, readBack, { path: "out.ndjson", ...config })
  }
  runLaws(destinationLaws({ destination: ndjsonDestination, make, expected: jsonRows, runs: decode === undefined ? 30 : 12 }), { test })
})

describe.each([false, true])("the json destination, pretty %s", (pretty) => {
  const make = () => {
    const files = diskWith({})
    const readBack = () => parseExactly(files.text(`${PROJECT}/out.json`) ?? "[]") as ReadonlyArray<Row>
    return filePlace(files, readBack, { path: "out.json", pretty })
  }
  runLaws(destinationLaws({ destination: jsonDestination, make, expected: jsonRows, runs: 20 }), { test })
})

describe("the memory destination", () => {
  const destination = memoryDestination()
  let count = 0
  const make = () => {
    const dataset = `dataset ${count++}`
    return { config: { dataset }, readBack: () => destination.rows(dataset) }
  }
  runLaws(destinationLaws({ destination, make }), { test })
})

describe("the sqlite destination", () => {
  const make = () => {
    const projectRoot = newFolder()
    return {
      config: { path: "out.db", table: "rows" },
      projectRoot,
      readBack: () => tableRows(join(projectRoot, "out.db")),
      dispose: () => rmSync(projectRoot, { recursive: true, force: true }),
    }
  }
  const holds = (value: RowValue) => !Number.isNaN(value)
  runLaws(destinationLaws({ destination: sqliteDestination, make, holds, expected: sqliteRows, runs: 15 }), { test })

  describe("beside another load of the same file", () => {
    const makeSecond = () => {
      const place = make()
      const first = new WriterPlace(join(place.projectRoot, "out.db"))
      return { ...place, dispose: () => first.close() }
    }
    runLaws(destinationLaws({ destination: sqliteDestination, make: makeSecond, holds, expected: sqliteRows, runs: 15 }), { test })
  })
})

const tableRows = (path: string): ReadonlyArray<Row> => {
  const database = new DatabaseSync(path)
  try {
    if (database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'rows'").get() === undefined) return []
    const statement = database.prepare("SELECT * FROM rows ORDER BY rowid")
    statement.setReadBigInts(true)
    return statement.all().map((row) => rowOf(Object.entries(row)))
  } finally {
    database.close()
  }
}

const sqliteRows = (rows: ReadonlyArray<Row>, { columns }: BatchSchema): ReadonlyArray<Row> =>
  rows.map((row) => mapRow(row, (value, name) => inSqlite(value, columns.find((column) => column.name === name)!.type)))

const inSqlite = (value: RowValue, type: ColumnType): RowValue => {
  if (value === null || type === "double" || type === "bytes") return value
  return type === "integer" || type === "boolean" ? BigInt(value as bigint) : textOf(value, type)
}

const PEOPLE: BatchSchema = {
  columns: [
    { name: "id", type: "integer", nullable: false },
    { name: "name", type: "string", nullable: true },
    { name: "price", type: "decimal", nullable: true },
    { name: "since", type: "date", nullable: true },
  ],
}

/** A built-in step as a transform: the engine runs it over the rows, in batches of three. */
const stepOf = (definition: StepDefinition): Transform =>
  defineTransform({
    type: definition.type,
    batch: async (rows) => {
      const output = memoryDestination()
      await using engine = createEngine({ plugins: [memorySource({ rows }), output, ...custom] })
      await engine.run({
        name: "laws",
        sources: [{ type: "memory", batch_size: 3, columns: Object.fromEntries(PEOPLE.columns.map(({ name, type }) => [name, type])) }],
        transforms: [definition],
        destinations: [{ type: "memory" }],
      })
      return output.rows()
    },
  })

const loud = (row: Row): Row | null => (row["name"] === null ? null : { ...row, loud: String(row["name"]).toUpperCase() })
const louder = defineTransform({ type: "louder", patch: ({ name }) => ({ name: name === null ? null : `${String(name)}!` }) })
const twice = defineTransform({ type: "twice", row: async (row) => [row, { ...row, name: null }] })
const named = defineTransform({ type: "named", batch: (rows) => rows.filter((row) => row["name"] !== null) })
const custom = [defineTransform({ type: "loud", row: loud }), louder, twice, named]

describe("the built-in steps", () => {
  const law = (definition: StepDefinition, expected: (rows: ReadonlyArray<Row>) => ReadonlyArray<Row>) =>
    runLaws(transformLaws({ transform: stepOf(definition), rows: PEOPLE, expected, runs: 25 }), { test })

  law({ type: "filter", condition: "id > 0 AND name IS NOT NULL" }, (rows) =>
    rows.filter((row) => (row["id"] as number) > 0 && row["name"] !== null),
  )
  law({ type: "map", fields: { greeting: "'Dear ' || coalesce(name, 'you')" } }, (rows) =>
    rows.map((row) => ({ ...row, greeting: `Dear ${String(row["name"] ?? "you")}` })),
  )
  law({ type: "rename", columns: { name: "full name", id: "name" } }, (rows) =>
    rows.map(({ id, name, price, since }) => ({ name: id, "full name": name, price, since })),
  )
  law({ type: "select", columns: ["since", "id"] }, (rows) => rows.map(({ since, id }) => ({ since, id })))
  law({ type: "loud" }, (rows) => rows.map(loud).filter((row) => row !== null))
  law({ type: "louder" }, (rows) => rows.map((row) => ({ ...row, name: row["name"] === null ? null : `${String(row["name"])}!` })))
  law({ type: "twice" }, (rows) => rows.flatMap((row) => [row, { ...row, name: null }]))
  law({ type: "named" }, (rows) => rows.filter((row) => row["name"] !== null))
})

describe("custom functions, as the host hands them over", () => {
  for (const transform of custom) runLaws(transformLaws({ transform, rows: PEOPLE }), { test })
})

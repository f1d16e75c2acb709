/**
 * Makes the input of the jobs: `orders.csv` and `orders.ndjson` with the same rows, and the answers that every contender must reach.
 *
 * Deterministic: row n is the same on every machine and for every row count. Written once in blocks, so that memory stays small
 * for any size; a half-written set is never taken for a whole one. The answers come from the values, not from the files.
 */
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { inputColumns } from "./columns.ts"
import { type Answer, answers, collectors, money } from "./answers.ts"
import { Digest, type DigestValue } from "./digest.ts"

/** Raised whenever a row or an answer changes, so that files of another version are made again. */
const version = 2

export interface Order {
  readonly id: number
  readonly customerId: number
  readonly firstName: string
  readonly lastName: string
  readonly email: string
  readonly status: string
  readonly amountCents: number
  readonly currency: string
  readonly country: string
  readonly createdAt: string
  readonly note: string
}

export interface DataSet {
  readonly version: number
  readonly rows: number
  readonly csv: string
  readonly ndjson: string
  readonly csvBytes: number
  readonly ndjsonBytes: number
  readonly answers: Readonly<Record<Answer, DigestValue>>
}

/** Gives the data set of that size, and makes it first where the folder does not hold it. */
export function dataSet(folder: string, rows: number): DataSet {
  const csv = join(folder, `orders-${rows}.csv`)
  const ndjson = join(folder, `orders-${rows}.ndjson`)
  const manifest = join(folder, `orders-${rows}.json`)
  const known = existing(manifest, csv, ndjson)
  if (known !== undefined) return known
  mkdirSync(folder, { recursive: true })
  rmSync(manifest, { force: true })
  const digests = writeFiles(csv, ndjson, rows)
  const set: DataSet = {
    version,
    rows,
    csv,
    ndjson,
    csvBytes: statSync(csv).size,
    ndjsonBytes: statSync(ndjson).size,
    answers: digests,
  }
  // The manifest comes last and whole: without it the files are made again.
  writeFileSync(`${manifest}.part`, JSON.stringify(set, undefined, 2))
  renameSync(`${manifest}.part`, manifest)
  return set
}

function existing(manifest: string, csv: string, ndjson: string): DataSet | undefined {
  if (!existsSync(manifest) || !existsSync(csv) || !existsSync(ndjson)) return undefined
  const set = JSON.parse(readFileSync(manifest, "utf8")) as DataSet
  const whole = set.version === version && set.csvBytes === statSync(csv).size && set.ndjsonBytes === statSync(ndjson).size
  // The folder may have been moved since.
  return whole ? { ...set, csv, ndjson } : undefined
}

function writeFiles(csvPath: string, ndjsonPath: string, rows: number): DataSet["answers"] {
  const csv = new TextFile(csvPath)
  const ndjson = new TextFile(ndjsonPath)
  const sums = answers.map((answer) => ({ answer, collector: collectors[answer](), digest: new Digest() }))
  csv.write(`${inputColumns.join(",")}\n`)
  for (const order of orders(rows)) {
    csv.write(csvLine(order))
    ndjson.write(ndjsonLine(order))
    for (const { collector, digest } of sums) {
      const values = collector.take(order)
      if (values !== undefined) digest.add(values)
    }
  }
  csv.close()
  ndjson.close()
  for (const { collector, digest } of sums) for (const values of collector.rest()) digest.add(values)
  return Object.fromEntries(sums.map(({ answer, digest }) => [answer, digest.value()])) as Record<Answer, DigestValue>
}

class TextFile {
  readonly #file: number
  #pending = ""

  constructor(path: string) {
    this.#file = openSync(path, "w")
  }

  write(text: string): void {
    this.#pending += text
    if (this.#pending.length >= 1 << 20) this.#flush()
  }

  close(): void {
    this.#flush()
    closeSync(this.#file)
  }

  #flush(): void {
    writeSync(this.#file, this.#pending)
    this.#pending = ""
  }
}

export function csvLine(order: Order): string {
  return (
    `${order.id},${order.customerId},${order.firstName},${order.lastName},${order.email},${order.status},${money(order.amountCents)},` +
    `${order.currency},${order.country},${order.createdAt},${quoted(order.note)}\n`
  )
}

export function ndjsonLine(order: Order): string {
  return (
    `{"id":${order.id},"customer_id":${order.customerId},"first_name":"${order.firstName}","last_name":"${order.lastName}",` +
    `"email":"${order.email}","status":"${order.status}","amount":${money(order.amountCents)},"currency":"${order.currency}",` +
    `"country":"${order.country}","created_at":"${order.createdAt}","note":${JSON.stringify(order.note)}}\n`
  )
}

const quoted = (text: string): string => (/[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text)

/** The rows, in order. */
export function* orders(rows: number): Generator<Order> {
  const random = new Random(20_260_101)
  for (let id = 1; id <= rows; id++) yield order(id, random)
}

function order(id: number, random: Random): Order {
  const firstName = random.pick(firstNames)
  const lastName = random.pick(lastNames)
  const country = random.pick(countries)
  return {
    id,
    customerId: 1 + random.below(200_000),
    firstName,
    lastName,
    email: `${ascii(firstName)}.${ascii(lastName)}${random.below(10_000)}@${random.pick(domains)}`,
    status: random.pick(statuses),
    amountCents: 100 + random.below(random.below(10) === 0 ? 500_000 : 60_000),
    currency: currencies[country] ?? "EUR",
    country,
    createdAt: isoSeconds(firstDay + random.below(5 * 365 * 86_400)),
    note: random.below(20) === 0 ? quotedNote(random) : random.pick(plainNotes),
  }
}

/** Five in a hundred notes must be quoted in CSV: commas, quotes, line breaks, with letters of one to four bytes. */
function quotedNote(random: Random): string {
  const before = random.pick(plainNotes)
  const after = random.pick(plainNotes)
  const item = random.pick(items)
  switch (random.below(5)) {
    case 0:
      return `${before}, ${after}`
    case 1:
      return `${before} "${item}", ${after}`
    case 2:
      return `${before}\n${after}`
    case 3:
      return `"${item}"`
    default:
      return `${before}, ${item}\n"${after}"`
  }
}

const firstDay = Date.UTC(2021, 0, 1) / 1000
const isoSeconds = (seconds: number): string => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`
const asciiNames = new Map<string, string>()

function ascii(name: string): string {
  const known = asciiNames.get(name)
  if (known !== undefined) return known
  const plain = name
    .normalize("NFD")
    .replaceAll("ø", "o")
    .replaceAll(/[^A-Za-z]/g, "")
    .toLowerCase()
  asciiNames.set(name, plain)
  return plain
}

/** A 32-bit generator of our own, so that no version of Node changes the data. */
class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  /** A whole number from 0 to `bound - 1`. */
  below(bound: number): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    let word = this.#state
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
    return ((word ^ (word >>> 16)) >>> 0) % bound
  }

  pick<T>(values: ReadonlyArray<T>): T {
    return values[this.below(values.length)]!
  }
}

const firstNames = [
  "Ada",
  "Alan",
  "Amara",
  "Anna",
  "Ben",
  "Carlos",
  "Chen",
  "Chloé",
  "Dana",
  "David",
  "Elena",
  "Emma",
  "Farid",
  "Grace",
  "Hana",
  "Igor",
  "Ines",
  "Isabella",
  "Jakub",
  "James",
  "Jana",
  "Kofi",
  "Lars",
  "Laura",
  "Liam",
  "Margaret",
  "Maria",
  "Marta",
  "Mehmet",
  "Nadia",
  "Noah",
  "Olga",
  "Omar",
  "Paul",
  "Priya",
  "Rosa",
  "Sam",
  "Sebastian",
  "Sofia",
  "Uma",
  "Victoria",
  "Wanda",
  "Yuki",
  "Zoë",
]
const lastNames = [
  "Andersson",
  "Bauer",
  "Becker",
  "Brown",
  "Costa",
  "Dubois",
  "Eriksen",
  "Ferrari",
  "Fischer",
  "Garcia",
  "Haddad",
  "Hansen",
  "Ivanova",
  "Jensen",
  "Johnson",
  "Kim",
  "Kowalski",
  "Lopez",
  "Martin",
  "Meyer",
  "Moreau",
  "Müller",
  "Nakamura",
  "Nguyen",
  "Novak",
  "O'Brien",
  "Okafor",
  "Patel",
  "Pereira",
  "Rossi",
  "Santos",
  "Schmidt",
  "Silva",
  "Singh",
  "Smith",
  "Sørensen",
  "Tanaka",
  "Van Dijk",
  "Wang",
  "Weber",
]
const domains = ["example.com", "example.org", "mail.example.net", "shop.example"]
const statuses = ["paid", "paid", "paid", "paid", "paid", "pending", "shipped", "refunded", "cancelled", "failed"]
const countries = ["AT", "BR", "CH", "CZ", "DE", "DE", "DK", "ES", "FR", "GB", "IT", "JP", "NL", "PL", "SE", "US", "US"]
const currencies: Readonly<Record<string, string>> = {
  BR: "BRL",
  CH: "CHF",
  CZ: "CZK",
  DK: "DKK",
  GB: "GBP",
  JP: "JPY",
  PL: "PLN",
  SE: "SEK",
  US: "USD",
}
const plainNotes = [
  "gift wrap please",
  "leave at the door",
  "call before delivery",
  "fragile",
  "second floor",
  "ring twice",
  "no bag needed",
  "express",
  "same as last time",
  "pick up in shop",
  "deliver on Monday",
  "with receipt",
  "neighbour at no. 12",
  "use the back entrance",
  "none",
  "ok",
  "by bike if possible",
  "repeat order",
  "before noon",
  "customer is waiting",
]
const items = ["café crème", "red box", "日本茶", "lamp 40 W", "naïve art", "🎁 surprise", "book", "Ångström ruler"]

/** Polars: a lazy query, streamed to the file, order kept. It takes its number of threads from the environment. */
import pl from "nodejs-polars"
import { contender, type Task } from "./contender.ts"

const wanted = pl
  .col("status")
  .eq(pl.lit("paid"))
  .and(pl.col("amount").gt(pl.lit(50)))

function j1({ input, output }: Task): void {
  pl.scanCSV(input)
    .filter(wanted)
    .withColumns(
      pl.concatString([pl.col("first_name"), pl.col("last_name")], " ").alias("full_name"),
      // Cutting the year out is faster than Polars' parsing of the time.
      pl.col("created_at").str.slice(0, 4).cast(pl.Int32).alias("year"),
      pl.col("amount").mul(pl.lit(100)).round(0).cast(pl.Int64).alias("amount_cents"),
    )
    .sinkNdJson(output, { maintainOrder: true })
    .collectSync()
}

function j2({ input, output }: Task): void {
  const amount = pl.col("amount")
  pl.scanCSV(input)
    .filter(wanted)
    .groupBy(["country", "currency"])
    .agg(
      amount.count().alias("orders"),
      amount.sum().round(2).alias("total"),
      amount.mean().round(2).alias("average"),
      amount.max().alias("largest"),
    )
    .sinkNdJson(output)
    .collectSync()
}

/** A sort of all rows, or the last of each sorted group, takes more than twice as long. */
function j3({ input, output }: Task): void {
  const time = pl.col("created_at")
  pl.scanCSV(input)
    .filter(time.eq(time.max().over("customer_id")))
    .unique({ subset: ["customer_id"], keep: "last" })
    .sinkNdJson(output)
    .collectSync()
}

function j4({ input, output }: Task): void {
  pl.scanJson(input).filter(wanted).sinkCSV(output, { maintainOrder: true }).collectSync()
}

await contender({ j1, j2, j3, j4 })

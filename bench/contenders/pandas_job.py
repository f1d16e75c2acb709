"""pandas in blocks of rows, so that memory stays bounded."""

import sys

import pandas

job, source, target = sys.argv[1:4]
block_rows = 100_000


def wanted(rows):
    return rows[(rows["status"] == "paid") & (rows["amount"] > 50)]


def j1(output):
    for rows in pandas.read_csv(source, chunksize=block_rows, keep_default_na=False):
        rows = wanted(rows).copy()
        rows["full_name"] = rows["first_name"] + " " + rows["last_name"]
        rows["year"] = rows["created_at"].str[:4].astype("int64")
        rows["amount_cents"] = (rows["amount"] * 100).round().astype("int64")
        output.write(rows.to_json(orient="records", lines=True, force_ascii=False).rstrip("\n") + "\n")


def j4(output):
    header = True
    for rows in pandas.read_json(source, lines=True, chunksize=block_rows, convert_dates=False):
        wanted(rows).to_csv(output, index=False, header=header)
        header = False


with open(target, "w", encoding="utf-8", newline="") as output:
    {"j1": j1, "j4": j4}[job](output)

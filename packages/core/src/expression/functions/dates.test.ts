import { answers } from "../../../test/expression/answers.ts"

answers("date arithmetic", [
  ["date '2025-01-31' + 1", "date", "2025-02-01"],
  ["1 + date '2025-01-31'", "date", "2025-02-01"],
  ["date '2025-01-31' - 31", "date", "2024-12-31"],
  ["date '2025-03-01' - date '2025-02-01'", "integer", "28"],
  ["date '2025-03-01' - '2025-02-01'", "integer", "28"],
  ["date '2025-01-31' + interval '1 month'", "timestamp", "2025-02-28 00:00:00"],
  ["date '2025-01-31' - interval '1 month 1 day'", "timestamp", "2024-12-30 00:00:00"],
  ["date '2025-01-31' + time '04:05'", "timestamp", "2025-01-31 04:05:00"],
  ["date '2025-01-31' + '1 day'", "error", "EXPRESSION_TYPE"],
  ["timestamp '2025-01-31' + '1 day'", "timestamp", "2025-02-01 00:00:00"],
  ["timestamp '2024-02-29 10:00' + interval '1 year'", "timestamp", "2025-02-28 10:00:00"],
  ["timestamp '2025-03-31 10:00' - interval '1 month'", "timestamp", "2025-02-28 10:00:00"],
  ["interval '1 day' + timestamp '2025-03-31 10:00'", "timestamp", "2025-04-01 10:00:00"],
  ["timestamptz '2025-03-30 10:00+00' + interval '36 hours'", "timestamptz", "2025-03-31 22:00:00+00"],
])

answers("differences and the infinities", [
  ["timestamp '2025-03-31 10:00' - timestamp '2025-01-01 12:30'", "interval", "88 days 21:30:00"],
  ["timestamp '2025-01-01' - timestamp '2025-03-31 10:00'", "interval", "-89 days -10:00:00"],
  ["timestamp 'infinity' - interval '1 day'", "timestamp", "infinity"],
  ["timestamp '294276-12-31' + interval '1 day'", "error", "NUMBER_OUT_OF_RANGE"],
  ["date 'infinity' + 1", "date", "infinity"],
  ["date 'infinity' - date '2025-01-01'", "error", "NUMBER_OUT_OF_RANGE"],
])

answers("times of day", [
  ["time '04:05' + interval '23 hours'", "time", "03:05:00"],
  ["time '04:05' - interval '5 hours'", "time", "23:05:00"],
  ["time '04:05' - time '03:00'", "interval", "01:05:00"],
  ["time '04:05' + date '2025-01-01'", "timestamp", "2025-01-01 04:05:00"],
])

answers("interval arithmetic", [
  ["interval '1 day' + interval '1 month'", "interval", "1 mon 1 day"],
  ["interval '1 day' - interval '25 hours'", "interval", "1 day -25:00:00"],
  ["interval '1 day' * 1.5", "interval", "1 day 12:00:00"],
  ["1.5 * interval '1 month'", "interval", "1 mon 15 days"],
  ["interval '1 month' / 3", "interval", "10 days"],
  ["interval '1 year 1 month 1 day 01:01:01' * 0.37", "interval", "4 mons 24 days 16:27:22.57"],
  ["interval '1 day' / 0", "error", "DIVISION_BY_ZERO"],
  ["2 * interval '1 hour'", "interval", "02:00:00"],
  ["- interval '1 day 2 hours'", "interval", "-1 days -02:00:00"],
  ["interval '1 month' = interval '30 days'", "boolean", "true"],
  ["interval '1 day' < interval '25 hours'", "boolean", "true"],
  ["interval '24 hours' = interval '1 day'", "boolean", "true"],
])

answers("time zones", [
  ["timestamp '2025-01-31 04:05:06' at time zone 'Europe/Berlin'", "timestamptz", "2025-01-31 03:05:06+00"],
  ["timestamptz '2025-01-31 04:05:06+00' at time zone 'Europe/Berlin'", "timestamp", "2025-01-31 05:05:06"],
  ["timestamptz '2025-07-31 04:05:06+00' at time zone 'America/New_York'", "timestamp", "2025-07-31 00:05:06"],
  ["timestamp '2025-03-30 02:30:00' at time zone 'Europe/Berlin'", "timestamptz", "2025-03-30 01:30:00+00"],
  ["timestamp '2025-10-26 02:30:00' at time zone 'Europe/Berlin'", "timestamptz", "2025-10-26 01:30:00+00"],
  ["timestamp '2025-03-09 02:30:00' at time zone 'America/New_York'", "timestamptz", "2025-03-09 07:30:00+00"],
  ["timestamp '2025-11-02 01:30:00' at time zone 'America/New_York'", "timestamptz", "2025-11-02 06:30:00+00"],
  ["timestamp '1850-01-01 00:00:00' at time zone 'Europe/Berlin'", "timestamptz", "1849-12-31 23:06:32+00"],
  ["timestamp '2090-07-01 00:00:00' at time zone 'Europe/Berlin'", "timestamptz", "2090-06-30 22:00:00+00"],
  ["timestamptz '2025-01-31 04:05:06+00' at time zone interval '-08:00'", "timestamp", "2025-01-30 20:05:06"],
  ["timestamp '2025-01-31 04:05:06' at time zone interval '05:30'", "timestamptz", "2025-01-30 22:35:06+00"],
  ["timestamptz '2025-01-31 04:05:06+00' at time zone 'EST'", "timestamp", "2025-01-30 23:05:06"],
  ["timestamptz '2025-01-31 04:05:06+00' at time zone 'Nowhere/Land'", "error", "INVALID_ARGUMENT"],
])

answers("dates made of numbers", [
  ["make_date(2025, 2, 28)", "date", "2025-02-28"],
  ["make_date(2025, 2, 29)", "error", "NUMBER_OUT_OF_RANGE"],
  ["make_date(-44, 3, 15)", "date", "0044-03-15 BC"],
  ["make_date(0, 3, 15)", "error", "NUMBER_OUT_OF_RANGE"],
  ["make_time(8, 15, 23.5)", "time", "08:15:23.5"],
  ["make_time(24, 0, 0)", "time", "24:00:00"],
  ["make_timestamp(2013, 7, 15, 8, 15, 23.5)", "timestamp", "2013-07-15 08:15:23.5"],
  ["to_timestamp(1284352323)", "timestamptz", "2010-09-13 04:32:03+00"],
  ["to_timestamp(1284352323.123456)", "timestamptz", "2010-09-13 04:32:03.123456+00"],
  ["to_timestamp(-1.5)", "timestamptz", "1969-12-31 23:59:58.5+00"],
  ["to_timestamp('infinity'::float8)", "timestamptz", "infinity"],
])

answers("justifying", [
  ["justify_hours(interval '27 hours')", "interval", "1 day 03:00:00"],
  ["justify_days(interval '35 days')", "interval", "1 mon 5 days"],
  ["isfinite(date 'infinity')", "boolean", "false"],
])

answers("dates compare across types", [
  ["timestamp '2025-01-31 14:00' > date '2025-01-31'", "boolean", "true"],
  ["date '2025-01-31' = timestamptz '2025-01-31 00:00+00'", "boolean", "true"],
  ["timestamp '2025-01-31 14:00'::text", "string", "2025-01-31 14:00:00"],
  ["timestamptz '2025-01-31 14:00:00.5+02'::text", "string", "2025-01-31 12:00:00.5+00"],
  ["date '2025-01-31' || ''", "string", "2025-01-31"],
  ["interval '1 year -2 days'::text", "string", "1 year -2 days"],
  ["greatest(date '2025-01-31', timestamp '2025-01-31 00:00:01')", "timestamp", "2025-01-31 00:00:01"],
  ["coalesce(null, date '2025-01-31', timestamptz '2025-01-31')", "timestamptz", "2025-01-31 00:00:00+00"],
  ["nullif(date '2025-01-31', timestamp '2025-01-31')", "date", null],
  ["case when true then date '2025-01-31' else timestamp '2025-01-31' end", "timestamp", "2025-01-31 00:00:00"],
  ["date '2025-01-31' between '2025-01-01' and '2025-02-01'", "boolean", "true"],
  ["date '2025-01-31' in ('2025-01-31', '2025-02-01')", "boolean", "true"],
])

answers("intervals without end", [
  ["interval 'infinity'", "interval", "infinity"],
  ["- interval 'infinity'", "interval", "-infinity"],
  ["timestamp 'infinity' - timestamp '2024-01-01'", "interval", "infinity"],
  ["timestamp '2024-01-01' - timestamptz 'infinity'", "interval", "-infinity"],
  ["timestamp 'infinity' - timestamp 'infinity'", "error", "NUMBER_OUT_OF_RANGE"],
  ["timestamp '2024-01-01' + interval '-infinity'", "timestamp", "-infinity"],
  ["timestamp 'infinity' + interval '-infinity'", "error", "NUMBER_OUT_OF_RANGE"],
  ["time '12:00' + interval 'infinity'", "error", "NUMBER_OUT_OF_RANGE"],
  ["interval 'infinity' + interval '-infinity'", "error", "NUMBER_OUT_OF_RANGE"],
  ["interval 'infinity' * -2", "interval", "-infinity"],
  ["interval 'infinity' * 0", "error", "NUMBER_OUT_OF_RANGE"],
  ["interval '1 day' * 'infinity'::double precision", "interval", "infinity"],
  ["interval 'infinity' / -1", "interval", "-infinity"],
  ["interval 'infinity' > interval '1000 years'", "boolean", "true"],
  ["extract(year from interval 'infinity')", "decimal", "Infinity"],
  ["extract(minute from interval '-infinity')", "decimal", null],
  ["interval 'infinity'::time", "error", "NUMBER_OUT_OF_RANGE"],
  ["isfinite(interval '-infinity')", "boolean", "false"],
  ["age(timestamp 'infinity', timestamp '2024-01-01')", "interval", "infinity"],
])

answers("intervals are justified", [
  ["justify_days(interval '-1 month 40 days')", "interval", "10 days"],
  ["justify_hours(interval '1 day -30 hours')", "interval", "-06:00:00"],
  ["justify_interval(interval '1 month -1 hour')", "interval", "29 days 23:00:00"],
])

answers("differences of dates are exact beyond 2^53", [
  ["datediff('millisecond', '290000-01-01 00:00:00.001'::timestamp, '290000-01-01 00:00:00.002'::timestamp)", "integer", "1"],
  ["datediff('microsecond', '4713-01-01 BC'::timestamp, '290000-01-01 00:00:00.000001'::timestamp)", "error", "NUMBER_OUT_OF_RANGE"],
  ["datediff('microsecond', '2000-01-01'::timestamp, '290000-01-01 00:00:00.000001'::timestamp)", "integer", "9088402176000000001"],
])

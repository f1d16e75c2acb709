import { answers } from "../../../test/expression/answers.ts"

answers("TO_CHAR of dates", [
  ["to_char(timestamp '2025-01-05 04:05:06.789012', 'YYYY-MM-DD HH24:MI:SS.MS')", "string", "2025-01-05 04:05:06.789"],
  ["to_char(timestamp '2025-01-05 14:05:06.789012', 'YYYY/MM/DD HH12:MI:SS AM')", "string", "2025/01/05 02:05:06 PM"],
  ["to_char(timestamp '2025-01-05 14:05:06.789012', 'FMMonth FMDD, YYYY')", "string", "January 5, 2025"],
  [
    "to_char(timestamp '2025-01-05 14:05:06.789012', 'Month DD, YYYY|MONTH|month|Mon|MON|mon')",
    "string",
    "January   05, 2025|JANUARY  |january  |Jan|JAN|jan",
  ],
  [
    "to_char(timestamp '2025-01-05 14:05:06.789012', 'Day|DAY|day|Dy|DY|dy|D|ID|DDD|IDDD')",
    "string",
    "Sunday   |SUNDAY   |sunday   |Sun|SUN|sun|1|7|005|007",
  ],
  ["to_char(timestamp '2025-01-05 14:05:06.789012', 'Q W WW IW IYYY IYY IY I CC J')", "string", "1 1 01 01 2025 025 25 5 21 2460681"],
  [
    "to_char(timestamp '2025-01-05 14:05:06.789012', 'US FF1 FF2 FF3 FF4 FF5 FF6 SSSS SSSSS')",
    "string",
    "789012 7 78 789 7890 78901 789012 50706 50706",
  ],
  ["to_char(timestamp '2025-01-05 04:05:06', 'FMHH24:FMMI:FMSS HH HH12 FMHH')", "string", "4:5:6 04 04 4"],
  [
    "to_char(timestamp '2025-01-05 14:05:06', 'DDth DDTH Dth FMDDth \"quoted YYYY\" YYY YY Y Y,YYY')",
    "string",
    "05th 05TH 1st 5th quoted YYYY 025 25 5 2,025",
  ],
  ["to_char(timestamptz '2025-01-05 14:05:06+00', 'TZ tz OF TZH:TZM')", "string", "UTC utc +00 +00:00"],
  ["to_char(timestamp '2025-01-05 14:05:06', 'TZ|AD|B.C.|a.m.|pm')", "string", "|AD|A.D.|p.m.|pm"],
  ["to_char(date '0044-03-15 BC', 'YYYY BC')", "string", "0044 BC"],
  ["to_char(date '2025-11-12', 'DDth')", "string", "12th"],
  ["to_char(date '2025-11-22', 'DDth')", "string", "22nd"],
  ["to_char(timestamp 'infinity', 'YYYY')", "string", null],
  ["to_char(date '2025-11-22', 'YYYYMMDD')", "string", "20251122"],
  ["to_char(date '2025-11-22', 'YYYY\"W\"IW')", "string", "2025W47"],
  ["to_char(date '2025-11-22', 'yyyy-mm-dd')", "string", "2025-11-22"],
  ["to_char(date '2025-11-22', '')", "string", null],
  ["to_char(timestamp '2025-01-05 00:05:06', 'HH12 AM')", "string", "12 AM"],
])

answers("TO_DATE", [
  ["to_date('2025-01-31', 'YYYY-MM-DD')", "date", "2025-01-31"],
  ["to_date('31/01/2025', 'DD/MM/YYYY')", "date", "2025-01-31"],
  ["to_date('20250131', 'YYYYMMDD')", "date", "2025-01-31"],
  ["to_date('31 Jan 2025', 'DD Mon YYYY')", "date", "2025-01-31"],
  ["to_date('January 31, 2025', 'Month DD, YYYY')", "date", "2025-01-31"],
  ["to_date('250131', 'YYMMDD')", "date", "2025-01-31"],
  ["to_date('2025-1-5', 'YYYY-MM-DD')", "date", "2025-01-05"],
  ["to_date('2025-13-01', 'YYYY-MM-DD')", "error", "INVALID_CAST"],
  ["to_date('2025-02-30', 'YYYY-MM-DD')", "error", "INVALID_CAST"],
  ["to_date('2025031', 'YYYYDDD')", "date", "2025-01-31"],
  ["to_date('05', 'MM')", "date", "0001-05-01 BC"],
  ["to_date('abc', 'YYYY')", "error", "INVALID_CAST"],
  ["to_date('70', 'YY')", "date", "1970-01-01"],
  ["to_date('69', 'YY')", "date", "2069-01-01"],
  ["to_date('2025 01 31', 'YYYY-MM-DD')", "date", "2025-01-31"],
  ["to_date('2025/01/31', 'YYYY-MM-DD')", "date", "2025-01-31"],
  ["to_date('  2025-01-31 ', 'YYYY-MM-DD')", "date", "2025-01-31"],
  ["to_date('Friday 31', 'Day DD')", "date", "0001-01-31 BC"],
  ["to_date('44 BC', 'YYYY BC')", "date", "0044-01-01 BC"],
])

answers("TO_TIMESTAMP", [
  ["to_timestamp('2025-01-31 14:05:06', 'YYYY-MM-DD HH24:MI:SS')", "timestamptz", "2025-01-31 14:05:06+00"],
  ["to_timestamp('2025-01-31 02:05:06 PM', 'YYYY-MM-DD HH12:MI:SS PM')", "timestamptz", "2025-01-31 14:05:06+00"],
  ["to_timestamp('2025-01-31 12:05:06 AM', 'YYYY-MM-DD HH:MI:SS AM')", "timestamptz", "2025-01-31 00:05:06+00"],
  ["to_timestamp('2025-01-31 14:05:06.789', 'YYYY-MM-DD HH24:MI:SS.MS')", "timestamptz", "2025-01-31 14:05:06.789+00"],
  ["to_timestamp('2025-01-31T14:05:06.789123', 'YYYY-MM-DD\"T\"HH24:MI:SS.US')", "timestamptz", "2025-01-31 14:05:06.789123+00"],
  ["to_timestamp('20250131140506', 'YYYYMMDDHH24MISS')", "timestamptz", "2025-01-31 14:05:06+00"],
  ["to_timestamp('2025-01-31 25:05:06', 'YYYY-MM-DD HH24:MI:SS')", "error", "INVALID_CAST"],
  ["to_timestamp('2025-01-31 13:05:06', 'YYYY-MM-DD HH12:MI:SS')", "error", "INVALID_CAST"],
  ["to_timestamp('15:12:02.020.001230', 'HH24:MI:SS.MS.US')", "timestamptz", "0001-01-01 15:12:02.02123+00 BC"],
  ["to_timestamp('2025-01-31 3600', 'YYYY-MM-DD SSSS')", "timestamptz", "2025-01-31 01:00:00+00"],
  ["to_timestamp('2025-01-31 05:06', 'YYYY-MM-DD HH24:MI')", "timestamptz", "2025-01-31 05:06:00+00"],
])

answers("TO_CHAR of intervals", [
  ["to_char(interval '36:10:05.25', 'HH24:MI:SS.MS')", "string", "36:10:05.250"],
  ["to_char(interval '1 year 2 months 3 days', 'YYYY-MM-DD DDD')", "string", "0001-02-03 423"],
  ["to_char(interval '-14 month -3 days -5 hours', 'YYYY MM DD HH24')", "string", "-0001 -02 -3 -05"],
  ["to_char(interval 'infinity', 'YYYY')", "string", null],
  ["to_char(interval '1 day', 'Month')", "error", "INVALID_ARGUMENT"],
  ["to_char(timestamp '2024-02-29', 'RM rm FMRM')", "string", "II   ii   II"],
  ["to_date('5 XII 2024', 'DD RM YYYY')", "date", "2024-12-05"],
])

import { inputColumns } from "../columns.ts"
import type { Loop } from "./drive.ts"
import * as j1 from "./j1.ts"
import * as j2 from "./j2.ts"
import * as j3 from "./j3.ts"
import * as j4 from "./j4.ts"

export const loops: Readonly<Record<string, Loop>> = {
  j1: { ...j1, hasHeader: true, header: "", growth: 4 },
  j2: { ...j2, hasHeader: true, header: "", growth: 0 },
  j3: { ...j3, hasHeader: true, header: "", growth: 0 },
  j4: { ...j4, hasHeader: false, header: `${inputColumns.join(",")}\n`, growth: 1 },
}

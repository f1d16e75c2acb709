import { inputColumns } from "../data.ts"
import type { Loop } from "./drive.ts"
import * as j1 from "./j1.ts"
import * as j4 from "./j4.ts"

export const loops: Readonly<Record<string, Loop>> = {
  j1: { ...j1, hasHeader: true, header: "", growth: 4 },
  j4: { ...j4, hasHeader: false, header: `${inputColumns.join(",")}\n`, growth: 1 },
}

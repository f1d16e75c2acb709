import { plannedEqualsNaive } from "./steps/plannedEqualsNaive.ts"

plannedEqualsNaive(25)

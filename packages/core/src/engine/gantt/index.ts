/** Pictures of runs over time: what `deltaflow runs --gantt` and the HTTP API draw. */
export { type Bar, type Chart, chartOf, type Section } from "./bars.ts"
export { mermaidGantt } from "./mermaid.ts"
export { svgGantt } from "./svg.ts"
export { shownDuration } from "./shownDuration.ts"

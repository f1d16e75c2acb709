/** Figures in the text format of Prometheus: https://prometheus.io/docs/instrumenting/exposition_formats/ */
import { type EngineService, runStatuses } from "@deltaflow/core"
import { promised } from "@deltaflow/core/adapter"

/** Seconds. */
const BOUNDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface Timing {
  count: number
  seconds: number
  readonly buckets: Array<number>
}

export class Metrics {
  /** Open event streams. */
  streams = 0
  private readonly requests = new Map<string, number>()
  private readonly timings = new Map<string, Timing>()

  request(endpoint: string, status: number, seconds: number): void {
    const key = `endpoint="${endpoint}",status="${status}"`
    this.requests.set(key, (this.requests.get(key) ?? 0) + 1)
    let timing = this.timings.get(endpoint)
    if (timing === undefined) this.timings.set(endpoint, (timing = { count: 0, seconds: 0, buckets: BOUNDS.map(() => 0) }))
    timing.count++
    timing.seconds += seconds
    BOUNDS.forEach((bound, i) => {
      if (seconds <= bound) timing.buckets[i]!++
    })
  }

  /** `active`: runs of this process that go on. */
  async text(service: EngineService, active: number): Promise<string> {
    const pipelines = await promised(service.store.countDefinitions())
    const counts = await Promise.all(
      runStatuses.map(async (status) => [status, (await promised(service.store.listRuns({ status: [status], limit: 0 }))).total] as const),
    )
    const lines = [
      ...figure("deltaflow_pipelines", "gauge", "Pipelines that are stored.", [["", pipelines]]),
      ...figure(
        "deltaflow_runs",
        "gauge",
        "Runs that are stored, by status.",
        counts.map(([status, total]) => [`status="${status}"`, total]),
      ),
      ...figure("deltaflow_runs_active", "gauge", "Runs that go on in this process.", [["", active]]),
      ...figure("deltaflow_event_streams", "gauge", "Open streams of events.", [["", this.streams]]),
      ...figure("deltaflow_http_requests_total", "counter", "Requests that were answered.", [...this.requests]),
      ...this.histogram(),
    ]
    return `${lines.join("\n")}\n`
  }

  private histogram(): ReadonlyArray<string> {
    const name = "deltaflow_http_request_duration_seconds"
    const lines = Array.from(this.timings, ([endpoint, { count, seconds, buckets }]) => [
      ...BOUNDS.map((bound, i) => `${name}_bucket{endpoint="${endpoint}",le="${bound}"} ${buckets[i]}`),
      `${name}_bucket{endpoint="${endpoint}",le="+Inf"} ${count}`,
      `${name}_sum{endpoint="${endpoint}"} ${seconds}`,
      `${name}_count{endpoint="${endpoint}"} ${count}`,
    ])
    return [`# HELP ${name} How long answers took until their first byte.`, `# TYPE ${name} histogram`, ...lines.flat()]
  }
}

const figure = (
  name: string,
  type: string,
  help: string,
  values: ReadonlyArray<readonly [labels: string, value: number]>,
): ReadonlyArray<string> => [
  `# HELP ${name} ${help}`,
  `# TYPE ${name} ${type}`,
  ...values.map(([labels, value]) => `${name}${labels === "" ? "" : `{${labels}}`} ${value}`),
]

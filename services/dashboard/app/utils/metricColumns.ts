import type { Schemas } from '~/composables/useGateway'

type Metric = Schemas['Metric']
type Value = number | null

/** Progress reports by column, as charts want them; `timestep` increases strictly. */
export interface MetricColumns {
  timestep: number[]
  meanThreat: Value[]
  reward: Value[]
  entropy: Value[]
  approxKl: Value[]
  valueLoss: Value[]
  stepsPerSecond: Value[]
}

export type MetricName = Exclude<keyof MetricColumns, 'timestep'>

const READERS: Record<MetricName, (metric: Metric) => number | null | undefined> = {
  meanThreat: (metric) => metric.threat_level_avg,
  reward: (metric) => metric.reward,
  entropy: (metric) => metric.additional_metrics?.entropy,
  approxKl: (metric) => metric.additional_metrics?.approx_kl,
  valueLoss: (metric) => metric.additional_metrics?.value_loss,
  stepsPerSecond: (metric) => metric.additional_metrics?.steps_per_second,
}

/** Every metric that is charted. */
export const METRIC_NAMES = Object.keys(READERS) as MetricName[]

/** Columns without rows. */
export const noMetrics = (): MetricColumns => ({
  timestep: [],
  meanThreat: [],
  reward: [],
  entropy: [],
  approxKl: [],
  valueLoss: [],
  stepsPerSecond: [],
})

/**
 * The columns with further reports, oldest first. A run that went on from a checkpoint reports some steps again: what
 * was reported of them before is dropped.
 */
export function appendMetrics(columns: MetricColumns, metrics: Metric[]): MetricColumns {
  const all: MetricColumns = { ...columns }
  for (const name of ['timestep', ...METRIC_NAMES] as const) all[name] = [...columns[name]] as number[]
  for (const metric of metrics) {
    let kept = all.timestep.length
    while (kept > 0 && all.timestep[kept - 1]! >= metric.timestep) kept -= 1
    all.timestep.length = kept
    all.timestep.push(metric.timestep)
    for (const name of METRIC_NAMES) {
      all[name].length = kept
      all[name].push(READERS[name](metric) ?? null)
    }
  }
  return all
}

/** The first, last, lowest and highest value of a column; nothing where it is empty. */
export function summaryOf(values: Value[]) {
  let first: Value = null
  let last: Value = null
  let low = Infinity
  let high = -Infinity
  for (const value of values) {
    if (value === null) continue
    first ??= value
    last = value
    if (value < low) low = value
    if (value > high) high = value
  }
  return first === null || last === null ? undefined : { first, last, low, high }
}

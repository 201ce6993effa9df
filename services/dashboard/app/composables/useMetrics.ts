import type { MaybeRefOrGetter } from 'vue'
import type { Schemas } from '~/composables/useGateway'
import { appendMetrics, noMetrics } from '~/utils/metricColumns'

const PAGE_SIZE = 500
const INTERVAL = 3000

/** All progress reports of a session: what there is by pages, then only what is new for as long as it is `active`. */
export function useMetrics(session: MaybeRefOrGetter<number>, active: MaybeRefOrGetter<boolean>) {
  const { request } = useGateway()
  const columns = shallowRef(noMetrics())
  let after: number | undefined

  async function load(signal: AbortSignal) {
    for (;;) {
      const { metrics, next } = await request<Schemas['MetricPage']>(`/training/sessions/${toValue(session)}/metrics`, {
        query: { order: 'asc', page_size: PAGE_SIZE, after },
        signal,
      })
      signal.throwIfAborted()
      if (metrics.length > 0) {
        columns.value = appendMetrics(columns.value, metrics)
        after = metrics.at(-1)?.id
      }
      if (!next) return columns.value.timestep.length
    }
  }

  const { data, problem, refresh } = usePolling(load, { interval: () => (toValue(active) ? INTERVAL : null) })
  // The last reports may come after the last status.
  watch(() => toValue(active), () => void refresh())
  return { columns, loaded: computed(() => data.value !== undefined), problem, refresh }
}

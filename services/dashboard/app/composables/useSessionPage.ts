import type { Schemas } from '~/composables/useGateway'

type List = 'checkpoints' | 'episodes' | 'evaluations'

interface Options<T> {
  session: () => Schemas['Session']
  pageSize: number
  /** Milliseconds until the page is asked for again; `null` for not at all. */
  interval: (data: T, page: number) => number | null
}

/** A page of what belongs to a session, and which page it is. */
export function useSessionPage<T>(list: List, { session, pageSize, interval }: Options<T>) {
  const { request } = useGateway()
  const page = ref(1)
  const polling = usePolling<T>(
    (signal) => request<T>(`/training/${session().id}/${list}`, { query: { page: page.value, page_size: pageSize }, signal }),
    { interval: (data) => interval(data, page.value), watch: () => page.value },
  )
  return { page, ...polling }
}

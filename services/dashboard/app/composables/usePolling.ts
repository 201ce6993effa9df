import { Problem, problemOf } from '~/utils/problem'

export interface PollingOptions<T> {
  /** Milliseconds from an answer to the next question; `null` ends the questions until something changes. */
  interval?: number | ((data: T) => number | null)
  /** Asks again at once, and forgets what was there, when one of these changes. */
  watch?: () => unknown
}

const LONGEST_WAIT = 30_000

/**
 * Asks for something when the page is there, and then again and again while the tab is visible.
 * What was asked for last is aborted when the page is left or another question takes its place.
 */
export function usePolling<T>(load: (signal: AbortSignal) => Promise<T>, options: PollingOptions<T> = {}) {
  const data = shallowRef<T>()
  const problem = shallowRef<Problem>()
  const token = useToken()
  let request: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let failures = 0
  let left = true

  const wait = () => {
    if (failures > 0) return Math.min(2 ** failures * 1000, LONGEST_WAIT)
    const { interval } = options
    return data.value === undefined || interval === undefined ? null : typeof interval === 'function' ? interval(data.value) : interval
  }

  function plan() {
    clearTimeout(timer)
    const milliseconds = wait()
    if (milliseconds !== null && !left && !document.hidden) timer = setTimeout(refresh, milliseconds)
  }

  /** Asks now. */
  async function refresh() {
    clearTimeout(timer)
    request?.abort()
    const mine = (request = new AbortController())
    try {
      const answer = await load(mine.signal)
      if (mine.signal.aborted) return
      data.value = answer
      problem.value = undefined
      failures = 0
    } catch (error) {
      if (mine.signal.aborted) return
      problem.value = error instanceof Problem ? error : problemOf(error)
      // Without the right token, or of something that does not exist, there is no point in asking again.
      failures = [401, 403, 404].includes(problem.value.status) ? Infinity : failures + 1
    }
    if (failures !== Infinity) plan()
  }

  function onVisibility() {
    if (document.hidden) clearTimeout(timer)
    else if (failures !== Infinity && wait() !== null) void refresh()
  }

  onMounted(() => {
    left = false
    document.addEventListener('visibilitychange', onVisibility)
    void refresh()
  })
  onBeforeUnmount(() => {
    left = true
    document.removeEventListener('visibilitychange', onVisibility)
    clearTimeout(timer)
    request?.abort()
  })
  watch(token, () => !left && void refresh())
  if (options.watch) {
    watch(options.watch, () => {
      data.value = undefined
      failures = 0
      if (!left) void refresh()
    })
  }

  return { data, problem, refresh }
}

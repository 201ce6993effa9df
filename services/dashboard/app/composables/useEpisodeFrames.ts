import type { Ref } from 'vue'
import type { Schemas } from '~/composables/useGateway'
import { PageCache } from '~/utils/pageCache'
import type { Moment, Paging } from '~/utils/playback'
import { momentOf, pagesWanted, pagingFor } from '~/utils/playback'
import type { Problem } from '~/utils/problem'

export interface EpisodeKey {
  session: number
  split: Schemas['Split']
  episode: number
}

/** Requests at the same time: the gateway simulates the episode again for each. */
const MOST_REQUESTS = 2

/**
 * The frames of an archived episode, loaded page by page ahead of the play head. What was kept of every step that was ever
 * loaded, its mean threat and reward, stays when the frames themselves have made room for others; NaN is what is not known.
 */
export function useEpisodeFrames(key: Ref<EpisodeKey | null>, position: Ref<number>, speed: Ref<number>) {
  const { request, token } = useGateway()
  const length = ref<number | null>(null)
  const problem = shallowRef<Problem>()
  const meanThreat = shallowRef(new Float64Array(0))
  const reward = shallowRef(new Float64Array(0))
  /** Counts what has arrived, because a cache cannot be watched. */
  const arrived = ref(0)

  let paging: Paging | null = null
  let cache = new PageCache<Moment[]>(0)
  let requests = new Set<number>()
  let leaving = new AbortController()

  const ask = (query: Record<string, number>, { session, split, episode }: EpisodeKey, signal: AbortSignal) =>
    request<Schemas['FramePage']>(`/playback/${session}/frames`, { query: { split, episode, ...query }, signal })

  async function open() {
    close()
    const asked = key.value
    if (!asked) return
    const { signal } = leaving
    try {
      // The first frame alone tells how long the episode and how large the world is, and so the size of pages.
      const { total, frames } = await ask({ page_size: 1 }, asked, signal)
      const rows = frames[0]?.threat_grid.levels ?? []
      paging = pagingFor(total, rows.length * (rows[0]?.length ?? 0))
      cache = new PageCache(paging.kept)
      meanThreat.value = new Float64Array(total).fill(Number.NaN)
      reward.value = new Float64Array(total).fill(Number.NaN)
      length.value = total
      load()
    } catch (error) {
      if (!signal.aborted) problem.value = error as Problem
    }
  }

  function close() {
    leaving.abort()
    leaving = new AbortController()
    requests = new Set()
    paging = null
    length.value = null
    problem.value = undefined
  }

  function load() {
    if (!paging || !length.value || problem.value || document.hidden) return
    // A whole episode has its steps in the series already when its pages had to make room.
    const missing = pagesWanted(paging, position.value, speed.value).filter((page) => !cache.has(page) && !requests.has(page))
    for (const page of missing.slice(0, MOST_REQUESTS - requests.size)) void loadPage(page, paging)
  }

  async function loadPage(page: number, { size }: Paging) {
    const [asked, { signal }, mine] = [key.value!, leaving, requests]
    mine.add(page)
    try {
      const { frames } = await ask({ page: page + 1, page_size: size }, asked, signal)
      if (signal.aborted) return
      const moments = frames.map(momentOf)
      cache.set(page, moments)
      moments.forEach((moment, index) => {
        meanThreat.value[page * size + index] = moment.meanThreat
        reward.value[page * size + index] = moment.reward ?? Number.NaN
      })
      arrived.value += 1
    } catch (error) {
      if (!signal.aborted) problem.value = error as Problem
    } finally {
      mine.delete(page)
    }
    load()
  }

  function momentAt(at: number): Moment | null {
    return paging ? (cache.get(Math.floor(at / paging.size))?.[at % paging.size] ?? null) : null
  }

  function retry() {
    problem.value = undefined
    if (paging) load()
    else void open()
  }

  onMounted(() => {
    watch([key, token], open, { immediate: true })
    watch([position, speed], load)
    document.addEventListener('visibilitychange', load)
  })
  onBeforeUnmount(() => {
    document.removeEventListener('visibilitychange', load)
    close()
  })

  const moment = computed(() => (arrived.value, length.value === null ? null : momentAt(position.value)))
  return { length: readonly(length), problem, moment, momentAt, arrived: readonly(arrived), meanThreat, reward, retry }
}

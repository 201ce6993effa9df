import type { MaybeRefOrGetter } from 'vue'
import type { Schemas } from '~/composables/useGateway'
import { SPLITS } from '~/utils/playback'

/** Pages deeper than this many items can only be reached by key, and a key leads forwards. */
const DEEPEST = 100_000

/** The episodes that are archived for one purpose. */
export interface ArchivedSplit {
  split: Schemas['Split']
  first: number
  /** Null where there are too many frames to look at the last one. */
  last: number | null
}

/** Which splits of a session have archived episodes, and from where to where. */
export function useArchive(session: MaybeRefOrGetter<number>) {
  const { request } = useGateway()

  async function frame(query: Record<string, string | number>, signal: AbortSignal) {
    const path = `/playback/${toValue(session)}/frames`
    return await request<Schemas['FramePage']>(path, { query: { page_size: 1, ...query }, signal })
  }

  async function splitOf(split: Schemas['Split'], signal: AbortSignal): Promise<ArchivedSplit | null> {
    const { total, frames } = await frame({ split }, signal)
    const first = frames[0]?.episode
    if (first === undefined) return null
    if (total > DEEPEST) return { split, first, last: null }
    const end = await frame({ split, page: total }, signal)
    return { split, first, last: end.frames[0]?.episode ?? null }
  }

  async function splits(signal: AbortSignal): Promise<ArchivedSplit[]> {
    const found = await Promise.all(SPLITS.map((split) => splitOf(split, signal)))
    return found.filter((split) => split !== null)
  }

  /** The episode after another one, whose numbers may have gaps; null where it was the last one. */
  async function episodeAfter(split: Schemas['Split'], episode: number, signal: AbortSignal): Promise<number | null> {
    const beyond = `${episode}-${2 ** 32 - 1}`
    return (await frame({ split, after: beyond }, signal)).frames[0]?.episode ?? null
  }

  return { splits, episodeAfter }
}

import type { Schemas } from '~/composables/useGateway'
import { splitOf, wholeNumber } from '~/utils/playback'

/** What the address says is played; null where it says nothing usable. */
export function usePlaybackAddress() {
  const route = useRoute()
  const router = useRouter()

  const split = computed(() => splitOf(route.query.split))
  const episode = computed(() => wholeNumber(route.query.episode))
  const step = computed(() => wholeNumber(route.query.step))

  /** Writes all of it at once: single writes would take each other's place. */
  async function write(to: { split: Schemas['Split']; episode: number; step: number }) {
    await router.replace({ query: { ...route.query, split: to.split, episode: to.episode, step: to.step || undefined } })
  }

  return { split, episode, step, write }
}

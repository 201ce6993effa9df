import type { Schemas } from '~/composables/useGateway'
import { downloadName } from '~/utils/models'
import type { Problem } from '~/utils/problem'

/** Fetches a model and saves it: a link could not show the token, and would leave the page on a refusal. */
export function useModelDownload() {
  const { url, token } = useGateway()
  const busy = ref('')
  const problem = shallowRef<Problem>()
  let leaving = new AbortController()

  const keyOf = (file: Schemas['StoredFile'], format: Schemas['Format']) => `${file.id} ${format}`

  async function save(file: Schemas['StoredFile'], format: Schemas['Format']) {
    leaving.abort()
    const { signal } = (leaving = new AbortController())
    busy.value = keyOf(file, format)
    problem.value = undefined
    try {
      const blob = await fetchBlob(`${url(`/files/${file.id}/download`)}?format=${format}`, token.value, signal)
      saveBlob(blob, downloadName(file, format))
    } catch (error) {
      if (!signal.aborted) problem.value = error as Problem
    }
    if (!signal.aborted) busy.value = ''
  }

  onBeforeUnmount(() => leaving.abort())
  return { busy: readonly(busy), problem, keyOf, save }
}

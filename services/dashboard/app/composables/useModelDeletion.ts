import type { Schemas } from '~/composables/useGateway'
import type { Problem } from '~/utils/problem'

/** Deletes an uploaded model after somebody has said yes. */
export function useModelDeletion(changed: () => void) {
  const { request } = useGateway()
  const { t } = useI18n()
  /** What is asked about; stays when the question is closed, so that its text does not change while it fades. */
  const file = shallowRef<Schemas['StoredFile']>()
  const asking = ref(false)
  const busy = ref(false)
  const problem = shallowRef<Problem>()
  const news = ref('')

  function ask(about: Schemas['StoredFile']) {
    file.value = about
    problem.value = undefined
    asking.value = true
  }

  async function remove() {
    const deleted = file.value
    if (!deleted) return
    busy.value = true
    problem.value = undefined
    const name = deleted.original_filename
    try {
      const answer = await request<Schemas['Deleted'] | Schemas['PendingCommand']>(`/files/${deleted.id}`, { method: 'DELETE' })
      news.value = 'filename' in answer ? t('models.deleted', { name }) : t('models.deletePending', { name })
      asking.value = false
      changed()
    } catch (error) {
      problem.value = error as Problem
    }
    busy.value = false
  }

  return { file, asking, busy, problem, news, ask, remove }
}

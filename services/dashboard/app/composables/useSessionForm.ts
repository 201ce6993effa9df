import { createFields, forkFields } from '#build/request-fields'
import type { Schemas } from '~/composables/useGateway'
import { Problem } from '~/utils/problem'
import { complaintOf, errorsByField, initialValues, toRequest, valuesOf, type FormValues } from '~/utils/sessionForm'

type Started = Schemas['Session'] | Schemas['PendingCommand']

/** The form for a new session or, with a `parent`, for one that is forked from it: what differs is sent. */
export function useSessionForm(parent?: Schemas['Session'], checkpoint = '') {
  const { t } = useI18n()
  const { request } = useGateway()
  const { number } = useFormat()

  const fields = parent ? forkFields : createFields
  const before: FormValues = parent ? { ...valuesOf(fields, parent), name: '', total_timesteps: '', run_id: '' } : {}
  const values = ref<FormValues>({ ...(parent ? before : initialValues(fields)), ...(parent && checkpoint ? { checkpoint } : {}) })
  const errors = ref<Record<string, string>>({})
  const problem = shallowRef<Problem>()
  const busy = ref(false)

  function complain() {
    const found = fields.map((field) => complaintOf(field, values.value[field.path] ?? '')).filter((one) => one !== undefined)
    errors.value = Object.fromEntries(
      found.map(({ key, field }) => [
        field.path,
        t(`newSession.complaints.${key}`, {
          minimum: number(field.minimum, 8),
          maximum: number(field.maximum, 8),
          step: number(field.multipleOf),
          length: number(field.maxLength),
        }),
      ]),
    )
    return found.length > 0
  }

  /** Sends the form once, however often it is clicked; the answer, or nothing where it was refused. */
  async function send(): Promise<Started | undefined> {
    problem.value = undefined
    if (busy.value || complain()) return undefined
    busy.value = true
    try {
      const path = parent ? `/training/${parent.id}/fork` : '/training/start'
      return await request<Started>(path, { method: 'POST', body: toRequest(fields, values.value, before) })
    } catch (error) {
      if (!(error instanceof Problem)) throw error
      errors.value = errorsByField(error.fields, fields)
      if (error.fields.length === 0) problem.value = error
      return undefined
    } finally {
      busy.value = false
    }
  }

  return { fields, values, errors, problem, busy, send }
}

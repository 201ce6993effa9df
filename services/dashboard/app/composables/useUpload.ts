import type { Schemas } from '~/composables/useGateway'
import { problemOf } from '~/utils/problem'
import type { Problem } from '~/utils/problem'
import type { UploadForm } from '~/utils/upload'
import { uploadBody } from '~/utils/upload'

/** Uploads a policy; an XMLHttpRequest, because `fetch` does not tell how far an upload is. */
export function useUpload() {
  const { url, token } = useGateway()
  const busy = ref(false)
  /** Share of the bytes that are sent; at 1 the gateway is checking them. */
  const progress = ref(0)
  const problem = shallowRef<Problem>()
  /** What was stored; null where it is stored but not listed yet. */
  const stored = shallowRef<Schemas['StoredFile'] | null>()
  let request: XMLHttpRequest | null = null

  function finish(answered: XMLHttpRequest) {
    const data: unknown = answered.response
    busy.value = false
    if (answered.status === 201) stored.value = data as Schemas['StoredFile']
    else if (answered.status === 202) stored.value = null
    else problem.value = problemOf({ statusCode: answered.status, data: data ?? undefined })
  }

  function start(form: UploadForm) {
    cancel()
    const sending = (request = new XMLHttpRequest())
    busy.value = true
    progress.value = 0
    problem.value = undefined
    stored.value = undefined
    sending.upload.onprogress = ({ loaded, total }) => (progress.value = total > 0 ? loaded / total : 0)
    sending.onloadend = () => sending === request && finish(sending)
    sending.open('POST', url('/files/'))
    sending.responseType = 'json'
    if (token.value) sending.setRequestHeader('authorization', `Bearer ${token.value}`)
    sending.send(uploadBody(form))
  }

  function cancel() {
    const cancelled = request
    request = null
    cancelled?.abort()
    busy.value = false
  }

  onBeforeUnmount(cancel)
  return { busy, progress, problem, stored, start, cancel }
}

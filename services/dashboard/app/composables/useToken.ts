const KEY = 'gateway-token'

/** The gateway's token, kept for as long as the tab is open; empty where none is needed. */
export function useToken() {
  const token = useState(KEY, () => '')
  onNuxtReady(() => {
    token.value ||= sessionStorage.getItem(KEY) ?? ''
  })
  watch(token, (value) => {
    if (import.meta.client) sessionStorage.setItem(KEY, value)
  })
  return token
}

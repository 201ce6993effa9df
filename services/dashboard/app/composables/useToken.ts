const KEY = 'gateway-token'

/** One for all of a tab. On the server it stays empty: nothing of it is ever rendered there. */
const token = ref('')
let known = false

/** The gateway's token, kept for as long as the tab is open; empty where none is needed. Known once the component is mounted. */
export function useToken() {
  onMounted(() => {
    if (known) return
    known = true
    token.value = sessionStorage.getItem(KEY) ?? ''
    watch(token, (value) => sessionStorage.setItem(KEY, value))
  })
  return token
}

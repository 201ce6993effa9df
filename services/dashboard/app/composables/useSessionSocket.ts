import type { MaybeRefOrGetter } from 'vue'
import { NOTHING_KNOWN, parseMessage, reduceMessage } from '~/utils/sessionMessages'
import { reconnectDelay, socketTarget, UNKNOWN_SESSION } from '~/utils/socket'

export type Connection = 'connecting' | 'open' | 'closed' | 'unknown'

/** The gateway pings every 30 s: one that is silent for longer than two of them is gone, whatever the socket says. */
const LONGEST_SILENCE = 70_000

/**
 * Watches a session over the gateway's WebSocket: reconnects with back-off, rests while the tab is hidden, ends when the
 * page is left. `connection` is `unknown` where there is no such session, which is final until the session changes.
 */
export function useSessionSocket(session: MaybeRefOrGetter<number>) {
  const { socketUrl, token } = useGateway()
  const connection = ref<Connection>('connecting')
  const view = shallowRef(NOTHING_KNOWN)

  let socket: WebSocket | null = null
  let failures = 0
  let retry: ReturnType<typeof setTimeout> | undefined
  let silence: ReturnType<typeof setTimeout> | undefined

  function heard() {
    clearTimeout(silence)
    silence = setTimeout(lost, LONGEST_SILENCE)
  }

  function receive(text: string) {
    heard()
    const message = parseMessage(text)
    if (!message) return
    if (message.type === 'ping') socket?.send(JSON.stringify({ type: 'pong' }))
    if (message.type === 'connection_ack') {
      failures = 0
      connection.value = 'open'
    }
    view.value = reduceMessage(view.value, message)
  }

  function connect() {
    connection.value = 'connecting'
    const { address, protocols } = socketTarget(socketUrl(toValue(session)), token.value)
    const opened = new WebSocket(address, protocols)
    socket = opened
    // What an abandoned socket still says is of no interest.
    opened.onmessage = ({ data }) => socket === opened && receive(String(data))
    opened.onclose = ({ code }) => {
      if (socket !== opened) return
      if (code === UNKNOWN_SESSION) end('unknown')
      else lost()
    }
    heard()
  }

  function lost() {
    end('closed')
    retry = setTimeout(connect, reconnectDelay(failures++, Math.random()))
  }

  function end(state: Connection) {
    clearTimeout(retry)
    clearTimeout(silence)
    const ended = socket
    socket = null
    ended?.close()
    connection.value = state
  }

  function restart() {
    end('connecting')
    failures = 0
    connect()
  }

  function followVisibility() {
    if (document.hidden) end('closed')
    else if (connection.value !== 'unknown') restart()
  }

  onMounted(() => {
    document.addEventListener('visibilitychange', followVisibility)
    if (document.hidden) connection.value = 'closed'
    else restart()
  })
  watch(
    [() => toValue(session), token],
    ([now], [before]) => {
      if (now !== before) view.value = NOTHING_KNOWN
      if (!document.hidden) restart()
    },
    { flush: 'post' },
  )
  onBeforeUnmount(() => {
    document.removeEventListener('visibilitychange', followVisibility)
    end('closed')
  })

  return {
    connection: readonly(connection),
    status: computed(() => view.value.status),
    message: computed(() => view.value.message),
    progress: computed(() => view.value.progress),
    frame: computed(() => view.value.frame),
    error: computed(() => view.value.error),
  }
}

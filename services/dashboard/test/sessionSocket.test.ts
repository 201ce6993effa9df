import { mountSuspended } from '@nuxt/test-utils/runtime'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { h, ref } from 'vue'
import { useSessionSocket } from '~/composables/useSessionSocket'

class FakeSocket {
  static all: FakeSocket[] = []
  onmessage: ((event: { data: string }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  sent: string[] = []
  closed = false

  constructor(
    readonly address: string,
    readonly protocols: string[],
  ) {
    FakeSocket.all.push(this)
  }

  send(text: string) {
    this.sent.push(text)
  }

  close() {
    this.closed = true
  }

  says(message: object) {
    this.onmessage?.({ data: JSON.stringify(message) })
  }
}

const newest = () => FakeSocket.all.at(-1)!
const session = ref(7)

async function watchSession() {
  let watched!: ReturnType<typeof useSessionSocket>
  const wrapper = await mountSuspended({
    setup() {
      watched = useSessionSocket(session)
      return () => h('p')
    },
  })
  return { watched, wrapper }
}

describe('useSessionSocket', () => {
  beforeEach(() => {
    FakeSocket.all = []
    session.value = 7
    vi.stubGlobal('WebSocket', FakeSocket)
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.unstubAllGlobals()
  })

  it('is open when the gateway says so, answers pings and closes with the page', async () => {
    const { watched, wrapper } = await watchSession()
    expect(newest().address).toMatch(/\/api\/v1\/ws\/training\/7$/)
    expect(watched.connection.value).toBe('connecting')
    newest().says({ type: 'connection_ack', session_id: 7 })
    newest().says({ type: 'training_status', session_id: 7, status: 'running' })
    newest().says({ type: 'ping' })
    expect([watched.connection.value, watched.status.value]).toEqual(['open', 'running'])
    expect(newest().sent).toEqual(['{"type":"pong"}'])
    wrapper.unmount()
    expect(newest().closed).toBe(true)
    await vi.advanceTimersByTimeAsync(100_000)
    expect(FakeSocket.all).toHaveLength(1)
  })

  it('comes back after a loss, also after silence, and keeps what it knows', async () => {
    const { watched, wrapper } = await watchSession()
    newest().says({ type: 'connection_ack', session_id: 7 })
    newest().says({ type: 'training_status', session_id: 7, status: 'running' })
    newest().onclose?.({ code: 1006 })
    expect([watched.connection.value, watched.status.value]).toEqual(['closed', 'running'])
    await vi.advanceTimersByTimeAsync(1000)
    expect(FakeSocket.all).toHaveLength(2)
    newest().says({ type: 'connection_ack', session_id: 7 })
    await vi.advanceTimersByTimeAsync(71_000)
    expect(FakeSocket.all).toHaveLength(3)
    expect(FakeSocket.all[1]?.closed).toBe(true)
    wrapper.unmount()
  })

  it('gives up an unknown session until another one is watched', async () => {
    const { watched, wrapper } = await watchSession()
    newest().onclose?.({ code: 4404 })
    await vi.advanceTimersByTimeAsync(100_000)
    expect([watched.connection.value, FakeSocket.all.length]).toEqual(['unknown', 1])
    session.value = 8
    await vi.advanceTimersByTimeAsync(0)
    expect(newest().address).toMatch(/\/8$/)
    expect(watched.connection.value).toBe('connecting')
    wrapper.unmount()
  })
})

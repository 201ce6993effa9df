import { mountSuspended } from '@nuxt/test-utils/runtime'
import { flushPromises } from '@vue/test-utils'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Ref } from 'vue'
import { usePolling, type PollingOptions } from '~/composables/usePolling'
import { Problem } from '~/utils/problem'

let hidden = false
let token: Ref<string>
const show = (visible: boolean) => {
  hidden = !visible
  document.dispatchEvent(new Event('visibilitychange'))
}

async function poll<T>(load: (signal: AbortSignal) => Promise<T>, options: PollingOptions<T> = { interval: 1000 }) {
  let polling!: ReturnType<typeof usePolling<T>>
  const page = await mountSuspended(
    defineComponent({
      setup() {
        polling = usePolling(load, options)
        token = useToken()
        return () => h('p')
      },
    }),
  )
  await flushPromises()
  return { page, polling }
}

describe('usePolling', () => {
  beforeEach(() => {
    hidden = false
    vi.spyOn(document, 'hidden', 'get').mockImplementation(() => hidden)
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  })
  afterEach(() => {
    vi.useRealTimers()
    vi.restoreAllMocks()
    token.value = ''
  })

  it('asks again after each answer', async () => {
    const load = vi.fn(() => Promise.resolve(load.mock.calls.length))
    const { page, polling } = await poll(load)
    expect(polling.data.value).toBe(1)
    await vi.advanceTimersByTimeAsync(2000)
    expect(polling.data.value).toBe(3)
    page.unmount()
  })

  it('rests while the tab is hidden and asks at once when it is seen', async () => {
    const load = vi.fn(() => Promise.resolve(0))
    const { page } = await poll(load)
    show(false)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(load).toHaveBeenCalledTimes(1)
    show(true)
    expect(load).toHaveBeenCalledTimes(2)
    page.unmount()
  })

  it('ends and aborts when the page is left', async () => {
    let signal: AbortSignal | undefined
    const load = vi.fn((given: AbortSignal) => {
      signal = given
      return new Promise<number>(() => {})
    })
    const { page } = await poll(load)
    page.unmount()
    expect(signal?.aborted).toBe(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(load).toHaveBeenCalledTimes(1)
  })

  it('waits longer after each failure and keeps what it had', async () => {
    const load = vi.fn<() => Promise<string>>().mockResolvedValueOnce('first').mockRejectedValue(new Problem(503, 'away'))
    const { page, polling } = await poll(load)
    await vi.advanceTimersByTimeAsync(1000)
    expect(polling.problem.value?.message).toBe('away')
    expect(polling.data.value).toBe('first')
    await vi.advanceTimersByTimeAsync(1999)
    expect(load).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(load).toHaveBeenCalledTimes(3)
    page.unmount()
  })

  it('asks without a token once, and again with one', async () => {
    const load = vi.fn<() => Promise<string>>().mockRejectedValueOnce(new Problem(401, 'a token is needed')).mockResolvedValue('here')
    const { page, polling } = await poll(load)
    await vi.advanceTimersByTimeAsync(60_000)
    show(true)
    expect(load).toHaveBeenCalledTimes(1)
    token.value = 'secret'
    await flushPromises()
    expect(polling.data.value).toBe('here')
    expect(polling.problem.value).toBeUndefined()
    page.unmount()
  })

  it('forgets what another question was answered', async () => {
    const page = ref(1)
    const load = vi.fn(() => (page.value === 1 ? Promise.resolve('one') : new Promise<string>(() => {})))
    const { page: mounted, polling } = await poll(load, { watch: () => page.value })
    page.value = 2
    await flushPromises()
    expect(polling.data.value).toBeUndefined()
    expect(load).toHaveBeenCalledTimes(2)
    mounted.unmount()
  })
})

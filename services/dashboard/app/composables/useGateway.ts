import type { components } from '~/api/schema'
import { problemOf } from '~/utils/problem'

export type Schemas = components['schemas']

type Method = 'GET' | 'POST' | 'DELETE'

interface Options {
  method?: Method
  query?: Record<string, string | number | boolean | undefined>
  body?: object
  signal?: AbortSignal
}

/** Requests to the gateway's `/api/v1`, with the token of this browser tab where one was entered. */
export function useGateway() {
  const { apiBaseUrl, wsUrl } = useRuntimeConfig().public
  const token = useToken()
  const base = apiBaseUrl.replace(/\/+$/, '')

  /** Asks for JSON; throws a `Problem`. */
  async function request<T>(path: string, options: Options = {}): Promise<T> {
    const headers = token.value ? { authorization: `Bearer ${token.value}` } : undefined
    try {
      return await $fetch<T>(`${base}/api/v1${path}`, { ...options, headers, retry: 0 })
    } catch (error) {
      throw problemOf(error)
    }
  }

  /** The gateway's address for links that the browser follows itself, such as downloads. */
  const url = (path: string) => `${base}/api/v1${path}`

  /** Where a session is watched; by default the gateway's own address. */
  const socketUrl = (session: number) => {
    const address = (wsUrl || base.replace(/^http/, 'ws')).replace(/\/+$/, '')
    return `${address}/api/v1/ws/training/${session}`
  }

  return { request, url, socketUrl, token }
}

import type { Schemas } from '~/composables/useGateway'
import type { AgentSettings } from '~/utils/agentSettings'
import { compareRequest, executeRequest } from '~/utils/agentSettings'
import type { Problem } from '~/utils/problem'

/** An answer, with the settings that led to it. */
export type AgentResult =
  | { kind: 'run'; answer: Schemas['ExecuteAnswer']; seed: number }
  | { kind: 'compare'; answer: Schemas['CompareAnswer']; seed: number }

/** Lets scripted agents play on the gateway, one request at a time; leaving the page gives it up. */
export function useScriptedAgents() {
  const { request } = useGateway()
  const result = shallowRef<AgentResult>()
  const problem = shallowRef<Problem>()
  const busy = ref(false)
  let running = new AbortController()

  const post = <T>(path: string, body: object) =>
    request<T>(`/template-agents${path}`, { method: 'POST', body, signal: running.signal })

  async function ask(kind: AgentResult['kind'], settings: AgentSettings): Promise<AgentResult> {
    // Answers do not name the seed: one of our own makes it possible to run the same again.
    const seed = settings.seed === '' ? crypto.getRandomValues(new Uint32Array(1))[0]! : settings.seed
    const seeded = { ...settings, seed }
    if (kind === 'run') return { kind, seed, answer: await post('/execute', executeRequest(seeded)) }
    return { kind, seed, answer: await post('/compare', compareRequest(seeded)) }
  }

  async function start(kind: AgentResult['kind'], settings: AgentSettings) {
    cancel()
    const { signal } = (running = new AbortController())
    busy.value = true
    problem.value = undefined
    try {
      const answer = await ask(kind, settings)
      if (!signal.aborted) result.value = answer
    } catch (error) {
      if (!signal.aborted) problem.value = error as Problem
    }
    if (!signal.aborted) busy.value = false
  }

  function cancel() {
    running.abort()
    busy.value = false
  }

  onBeforeUnmount(cancel)
  return { result, problem, busy, start, cancel }
}

import type { Schemas } from '~/composables/useGateway'

/** What a number field holds: nothing, or a number. */
type Entered = number | ''

export interface AgentSettings {
  agent: Schemas['AgentType']
  compared: Schemas['AgentType'][]
  width: Entered
  height: Entered
  episodes: Entered
  maxSteps: Entered
  seed: Entered
  saveFrames: boolean
  executionId: string
}

/** The number fields, with the names that the gateway has for them, their ranges, and whether they may be empty. */
export const NUMBER_FIELDS = {
  width: { name: 'width', low: 3, high: 100, optional: false },
  height: { name: 'height', low: 3, high: 100, optional: false },
  episodes: { name: 'episodes', low: 1, high: 100, optional: false },
  maxSteps: { name: 'max_steps', low: 1, high: 10_000, optional: true },
  seed: { name: 'seed', low: 0, high: Number.MAX_SAFE_INTEGER, optional: true },
} as const

export type NumberField = keyof typeof NUMBER_FIELDS

export const DEFAULT_SETTINGS: Readonly<AgentSettings> = {
  agent: 'tour',
  compared: [],
  width: 10,
  height: 10,
  episodes: 10,
  maxSteps: '',
  seed: '',
  saveFrames: true,
  executionId: '',
}

/** Number fields whose values the gateway would refuse. */
export function wrongFields(settings: AgentSettings): NumberField[] {
  return (Object.keys(NUMBER_FIELDS) as NumberField[]).filter((field) => {
    const { low, high, optional } = NUMBER_FIELDS[field]
    const value = settings[field]
    if (value === '') return !optional
    return !Number.isInteger(value) || value < low || value > high
  })
}

const given = (value: Entered) => (value === '' ? undefined : value)

function world(settings: AgentSettings) {
  return {
    width: given(settings.width),
    height: given(settings.height),
    episodes: given(settings.episodes),
    max_steps: given(settings.maxSteps),
    seed: given(settings.seed),
    execution_id: settings.executionId.trim() || undefined,
  }
}

/** Body of `/template-agents/execute`. */
export function executeRequest(settings: AgentSettings): Schemas['ExecuteRequest'] {
  return { ...world(settings), agent_type: settings.agent, save_frames: settings.saveFrames }
}

/** Body of `/template-agents/compare`, which answers without frames. */
export function compareRequest(settings: AgentSettings): Schemas['CompareRequest'] {
  return { ...world(settings), agent_types: settings.compared, save_frames: false }
}

/** The agent with the lowest mean threat, the product's figure of merit. */
export function calmest(agents: readonly Schemas['ComparedAgent'][]): Schemas['AgentType'] | null {
  const [first, ...others] = agents
  if (!first) return null
  return others.reduce((best, agent) => (agent.average_mean_threat < best.average_mean_threat ? agent : best), first).agent_type
}

/** From frame to frame how many steps: more than one where an episode was too long for all of its frames. */
export function stride(frames: readonly Schemas['PlaybackFrame'][]): number {
  const [first, second] = frames
  return first && second ? second.timestep - first.timestep : 1
}

import type { Schemas } from '~/composables/useGateway'

type Score = Schemas['AgentScore']

/** One row of the comparison. */
export interface Ranked {
  key: string
  kind: 'argmax' | 'sampled' | 'scripted'
  agent: string
  score: Score
}

/** A policy's scores and those of the scripted agents in the same world, the lowest mean threat first. */
export function rankedScores(evaluation: Schemas['Evaluation'], baselines: Schemas['Baseline'][]): Ranked[] {
  const policy = (['argmax', 'sampled'] as const).flatMap((kind): Ranked[] => {
    const score = evaluation[kind]
    return score ? [{ key: kind, kind, agent: score.agent, score }] : []
  })
  const scripted = baselines
    .filter(({ world_hash }) => world_hash === evaluation.world_hash)
    .map(({ agent, score }): Ranked => ({ key: agent, kind: 'scripted', agent, score }))
  return [...policy, ...scripted].sort((one, other) => one.score.mean_threat.mean - other.score.mean_threat.mean)
}

/** Where a value stands on an axis from the lowest bound of all intervals to the highest, in the units of `width`. */
export function intervalScale(rows: Ranked[], width: number) {
  const low = Math.min(...rows.map(({ score }) => score.mean_threat.low))
  const high = Math.max(...rows.map(({ score }) => score.mean_threat.high))
  return (value: number) => (high > low ? ((value - low) / (high - low)) * width : width / 2)
}

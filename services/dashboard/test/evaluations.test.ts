import { describe, expect, it } from 'vitest'
import type { Schemas } from '~/composables/useGateway'
import { intervalScale, rankedScores } from '~/utils/evaluations'

const score = (agent: string, mean: number) =>
  ({ agent, mean_threat: { mean, iqm: mean, low: mean - 0.1, high: mean + 0.1 } }) as Schemas['AgentScore']
const evaluation: Schemas['Evaluation'] = {
  evaluation_id: '0',
  status: 'completed',
  is_last: true,
  world_hash: 'here',
  sampled: score('policy', 0.5),
  argmax: score('policy', 0.4),
}
const baselines = [
  { agent: 'tour', world_hash: 'here', score: score('tour', 0.45) },
  { agent: 'tour', world_hash: 'elsewhere', score: score('tour', 0.2) },
]

describe('rankedScores', () => {
  it('puts the policy among the agents of the same world, best first', () => {
    expect(rankedScores(evaluation, baselines).map(({ key }) => key)).toEqual(['argmax', 'tour', 'sampled'])
  })
})

describe('intervalScale', () => {
  it('spans all intervals', () => {
    const x = intervalScale(rankedScores(evaluation, baselines), 100)
    expect(x(0.3)).toBeCloseTo(0)
    expect(x(0.6)).toBeCloseTo(100)
  })
})

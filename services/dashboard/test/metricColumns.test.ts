import { describe, expect, it } from 'vitest'
import type { Schemas } from '~/composables/useGateway'
import { appendMetrics, noMetrics, summaryOf } from '~/utils/metricColumns'

const TIME = '2026-11-27T12:00:00Z'
const metric = (timestep: number, reward: number): Schemas['Metric'] => ({
  id: timestep,
  job_id: 1,
  timestep,
  reward,
  timestamp: TIME,
  created_at: TIME,
  updated_at: TIME,
})

describe('appendMetrics', () => {
  it('appends without changing what was drawn before', () => {
    const before = appendMetrics(noMetrics(), [metric(10, 1)])
    const after = appendMetrics(before, [metric(20, 2)])
    expect(before.timestep).toEqual([10])
    expect(after).toMatchObject({ timestep: [10, 20], reward: [1, 2], meanThreat: [null, null] })
  })

  it('replaces the steps that a resumed run does again', () => {
    const columns = appendMetrics(noMetrics(), [metric(10, 1), metric(20, 2), metric(30, 3), metric(20, 4), metric(40, 5)])
    expect(columns).toMatchObject({ timestep: [10, 20, 40], reward: [1, 4, 5], entropy: [null, null, null] })
  })
})

describe('summaryOf', () => {
  it('leaves out what is missing', () => {
    expect(summaryOf([null, 2, 1, null, 3, null])).toEqual({ first: 2, last: 3, low: 1, high: 3 })
    expect(summaryOf([null])).toBeUndefined()
  })
})

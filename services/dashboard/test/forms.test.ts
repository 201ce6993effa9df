// @vitest-environment node
import { describe, expect, it } from 'vitest'
import type { Schemas } from '~/composables/useGateway'
import { calmest, compareRequest, DEFAULT_SETTINGS, executeRequest, stride, wrongFields } from '~/utils/agentSettings'
import { healthOf } from '~/utils/health'
import { checkpointFigures, downloadName } from '~/utils/models'
import { LARGEST_UPLOAD, uploadBody, uploadFaults } from '~/utils/upload'

const settings = { ...DEFAULT_SETTINGS }
const stored = (fields: Partial<Schemas['StoredFile']>) => fields as Schemas['StoredFile']

describe('settings of scripted agents', () => {
  it('are checked as the gateway checks them', () => {
    expect(wrongFields(settings)).toEqual([])
    expect(wrongFields({ ...settings, width: 2, height: 101, episodes: '', maxSteps: 1.5, seed: -1 })).toEqual([
      'width',
      'height',
      'episodes',
      'maxSteps',
      'seed',
    ])
    expect(wrongFields({ ...settings, seed: 0, maxSteps: 10_000, width: 3, height: 100 })).toEqual([])
  })

  it('become requests without what is empty', () => {
    const run = executeRequest({ ...settings, agent: 'spiral', seed: 0, executionId: '  ' })
    expect(JSON.parse(JSON.stringify(run))).toEqual({
      agent_type: 'spiral',
      width: 10,
      height: 10,
      episodes: 10,
      seed: 0,
      save_frames: true,
    })
    expect(compareRequest({ ...settings, compared: ['tour', 'greedy'] })).toMatchObject({
      agent_types: ['tour', 'greedy'],
      save_frames: false,
    })
  })

  it('lead to the agent with the lowest mean threat', () => {
    const agent = (agent_type: Schemas['AgentType'], average_mean_threat: number) =>
      ({ agent_type, average_mean_threat }) as Schemas['ComparedAgent']
    expect(calmest([agent('greedy', 0.3), agent('tour', 0.2), agent('spiral', 0.2)])).toBe('tour')
    expect(calmest([])).toBeNull()
  })

  it('tell how many frames were left out', () => {
    const frame = (timestep: number) => ({ timestep }) as Schemas['PlaybackFrame']
    expect(stride([frame(3), frame(6)])).toBe(3)
    expect(stride([frame(1)])).toBe(1)
  })
})

describe('uploads', () => {
  const form = { file: new File(['x'], 'a.safetensors'), description: ' a ', metadata: '', session: '' as const }

  it('are checked before they are sent', () => {
    expect(uploadFaults(form)).toEqual([])
    expect(uploadFaults({ ...form, file: null, metadata: '[]', session: 0 })).toEqual(['noFile', 'metadata', 'session'])
    expect(uploadFaults({ ...form, file: { size: LARGEST_UPLOAD + 1 } as File, metadata: '{' })).toEqual(['tooLarge', 'metadata'])
    expect(uploadFaults({ ...form, metadata: '{"a": 1}', session: 3 })).toEqual([])
  })

  it('leave out what is empty', () => {
    expect([...uploadBody(form).keys()]).toEqual(['description', 'file'])
    expect(uploadBody({ ...form, session: 3, metadata: '{}' }).get('training_job_id')).toBe('3')
  })
})

describe('models', () => {
  it('have figures where the gateway wrote them', () => {
    expect(checkpointFigures(stored({ metadata: { mean_threat: 0.5, timestep: 10 } }))).toEqual({ meanThreat: 0.5, timestep: 10 })
    expect(checkpointFigures(stored({ metadata: { mean_threat: 'low' } }))).toEqual({ meanThreat: null, timestep: null })
    expect(checkpointFigures(stored({ metadata: null }))).toEqual({ meanThreat: null, timestep: null })
  })

  it('are saved under a name without paths', () => {
    expect(downloadName(stored({ original_filename: 'checkpoint-1.safetensors', training_job_id: 4 }), 'onnx')).toBe(
      'session-4-checkpoint-1.onnx',
    )
    expect(downloadName(stored({ original_filename: '../my model' }), 'safetensors')).toBe('.._my model.safetensors')
  })
})

describe('healthOf', () => {
  it('reads a report also from a 503', () => {
    const report = { status: 'unhealthy', components: {} }
    expect(healthOf(503, report)).toBe(report)
  })

  it('throws what is no report', () => {
    expect(() => healthOf(401, { title: 'Unauthorized', detail: 'show the token' })).toThrow('show the token')
    expect(() => healthOf(502, null)).toThrow('HTTP 502')
  })
})

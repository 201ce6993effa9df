import { describe, expect, it } from 'vitest'
import { isActive, possibleActions } from '~/utils/sessions'

describe('possibleActions', () => {
  it('lets a run go on only from a pause', () => {
    expect(possibleActions({ status: 'paused' })).toContain('resume')
    expect(possibleActions({ status: 'completed' })).toEqual(['delete'])
  })

  it('deletes nothing that a trainer works on', () => {
    expect(possibleActions({ status: 'running' })).toEqual(['pause', 'stop'])
    expect(possibleActions({ status: 'running', pending_action: 'pause' })).toEqual(['stop'])
  })

  it('lets a stop be forced that takes too long', () => {
    expect(possibleActions({ status: 'running', pending_action: 'stop' })).toEqual(['force'])
  })
})

describe('isActive', () => {
  it('is what changes by itself', () => {
    expect(isActive({ status: 'queued' })).toBe(true)
    expect(isActive({ status: 'paused' })).toBe(false)
    expect(isActive({ status: 'failed' })).toBe(false)
  })
})

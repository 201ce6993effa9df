// @vitest-environment node
import { describe, expect, it } from 'vitest'
import type { SessionMessage } from '~/utils/sessionMessages'
import { NOTHING_KNOWN, parseMessage, reduceMessage } from '~/utils/sessionMessages'
import { reconnectDelay, socketTarget } from '~/utils/socket'

const status = (value: 'running' | 'failed' | 'paused', message?: string): SessionMessage => ({
  type: 'training_status',
  session_id: 1,
  status: value,
  message,
})
const failure: SessionMessage = { type: 'training_error', session_id: 1, error_message: 'no memory', error_type: 'internal' }

describe('parseMessage', () => {
  it('reads what it knows and leaves the rest', () => {
    expect(parseMessage('{"type":"ping"}')).toEqual({ type: 'ping' })
    for (const text of ['', 'null', '3', '[]', '{}', '{"type":"news"}', '{"type":']) expect(parseMessage(text)).toBeNull()
  })
})

describe('reduceMessage', () => {
  it('changes nothing for what says nothing about the session', () => {
    expect(reduceMessage(NOTHING_KNOWN, { type: 'ping' })).toBe(NOTHING_KNOWN)
    expect(reduceMessage(NOTHING_KNOWN, { type: 'connection_ack', session_id: 1 })).toBe(NOTHING_KNOWN)
  })

  it('keeps the newest of each kind', () => {
    const messages = [
      { type: 'training_progress', timestep: 1 },
      { type: 'environment_update', step: 5 },
      { type: 'training_progress', timestep: 2 },
      status('running', 'pause was requested'),
    ] as SessionMessage[]
    expect(messages.reduce(reduceMessage, NOTHING_KNOWN)).toMatchObject({
      progress: { timestep: 2 },
      frame: { step: 5 },
      status: 'running',
      message: 'pause was requested',
      error: null,
    })
  })

  it('keeps an error while the run is failed and forgets it when the run goes on', () => {
    const failed = [failure, status('failed', 'other words')].reduce(reduceMessage, NOTHING_KNOWN)
    expect(failed.error).toBe('no memory')
    expect(reduceMessage(failed, status('running')).error).toBeNull()
    expect(reduceMessage(NOTHING_KNOWN, status('failed', 'no disk')).error).toBe('no disk')
  })
})

describe('socketTarget', () => {
  it('shows a token as a subprotocol where browsers take it, else in the query', () => {
    expect(socketTarget('ws://host/1', '')).toEqual({ address: 'ws://host/1', protocols: ['patrol'] })
    expect(socketTarget('ws://host/1', 'a1-_.')).toEqual({ address: 'ws://host/1', protocols: ['patrol', 'bearer.a1-_.'] })
    expect(socketTarget('ws://host/1', 'a/b= c')).toEqual({ address: 'ws://host/1?token=a%2Fb%3D%20c', protocols: ['patrol'] })
  })
})

describe('reconnectDelay', () => {
  it('doubles, is spread by chance and never exceeds half a minute', () => {
    expect(reconnectDelay(0, 1)).toBe(500)
    expect(reconnectDelay(0, 0)).toBe(250)
    expect(reconnectDelay(3, 1)).toBe(4000)
    expect(reconnectDelay(2000, 1)).toBe(30_000)
  })
})

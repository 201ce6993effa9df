import type { Schemas } from '~/composables/useGateway'

type Session = Schemas['Session']
type Status = Schemas['SessionStatus']

/** Every status, in the order of a session's life. */
export const STATUSES: Status[] = ['created', 'queued', 'running', 'paused', 'completed', 'failed']

export const ALGORITHMS: Schemas['Algorithm'][] = ['ppo', 'a3c']

/** Whether a session will still change by itself. */
export const isActive = ({ status, pending_action }: Pick<Session, 'status' | 'pending_action'>) =>
  status === 'created' || status === 'queued' || status === 'running' || Boolean(pending_action)

export type Action = 'pause' | 'resume' | 'stop' | 'force' | 'delete'

/** What can be done with a session as it stands, as in `domain/src/run.rs`; the gateway has the last word. */
export function possibleActions({ status, pending_action }: Pick<Session, 'status' | 'pending_action'>): Action[] {
  if (pending_action) return pending_action === 'pause' ? ['stop'] : ['force']
  switch (status) {
    case 'running':
      return ['pause', 'stop']
    case 'created':
    case 'queued':
      return ['pause', 'stop', 'delete']
    case 'paused':
      return ['resume', 'stop', 'delete']
    case 'completed':
    case 'failed':
      return ['delete']
  }
}

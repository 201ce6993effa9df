import type { Schemas } from '~/composables/useGateway'
import type { EnvironmentUpdate } from '~/utils/grid'

export type TrainingProgress = Schemas['Metric'] & { type: 'training_progress'; session_id: number }

interface TrainingStatus {
  type: 'training_status'
  session_id: number
  status: Schemas['SessionStatus']
  message?: string | null
}

interface TrainingError {
  type: 'training_error'
  session_id: number
  error_message: string
  error_type?: string
}

interface Acknowledgement {
  type: 'connection_ack'
  session_id: number
}

interface Heartbeat {
  type: 'ping' | 'pong'
}

/** What the gateway says on `/ws/training/{id}`. */
export type SessionMessage = Acknowledgement | TrainingProgress | TrainingStatus | TrainingError | EnvironmentUpdate | Heartbeat

/** What is known of a session from its messages. */
export interface SessionView {
  status: Schemas['SessionStatus'] | null
  /** What the gateway adds to the status, such as that a pause was requested. */
  message: string | null
  progress: TrainingProgress | null
  frame: EnvironmentUpdate | null
  error: string | null
}

/** Before the first message. */
export const NOTHING_KNOWN: SessionView = { status: null, message: null, progress: null, frame: null, error: null }

/** A message from its text; null for one that this dashboard does not know, such as one of a newer gateway. */
export function parseMessage(text: string): SessionMessage | null {
  try {
    const message: unknown = JSON.parse(text)
    if (typeof message !== 'object' || message === null || !('type' in message)) return null
    return KNOWN.has(String(message.type)) ? (message as SessionMessage) : null
  } catch {
    return null
  }
}

const KNOWN = new Set<string>([
  'connection_ack',
  'training_progress',
  'training_status',
  'training_error',
  'environment_update',
  'ping',
  'pong',
] satisfies SessionMessage['type'][])

/** The view after a message; the same object where the message changes nothing. */
export function reduceMessage(view: SessionView, message: SessionMessage): SessionView {
  switch (message.type) {
    case 'training_status':
      return {
        ...view,
        status: message.status,
        message: message.message ?? null,
        // A run that goes on has got over what stopped it.
        error: message.status === 'failed' ? (view.error ?? message.message ?? null) : null,
      }
    case 'training_progress':
      return { ...view, progress: message }
    case 'training_error':
      return { ...view, error: message.error_message }
    case 'environment_update':
      return { ...view, frame: message }
    default:
      return view
  }
}

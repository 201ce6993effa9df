import type { Schemas } from '~/composables/useGateway'
import { problemOf } from '~/utils/problem'

/** A report of health from an answer, also from a 503; throws a `Problem` for anything that is no report. */
export function healthOf(status: number, body: unknown): Schemas['HealthReport'] {
  if (typeof body === 'object' && body !== null && 'components' in body) return body as Schemas['HealthReport']
  throw problemOf({ statusCode: status, data: body ?? undefined })
}

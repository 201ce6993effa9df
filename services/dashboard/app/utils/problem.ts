import type { FetchError } from 'ofetch'

/** One field of a request that the gateway does not accept. */
export interface FieldError {
  /** Path of the field in the body, e.g. `config.map_config.count`; empty for the body as a whole. */
  field: string
  message: string
}

/** A refusal in the words of the gateway, RFC 9457; `status` 0 where no answer came. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly fields: FieldError[] = [],
  ) {
    super(message)
    this.name = 'Problem'
  }
}

interface Detail {
  loc: (string | number)[]
  msg: string
}

/** What a failed request means: its `detail` is a sentence, or in a 422 a list of fields. */
export function problemOf(error: unknown): Problem {
  const answer = error as Partial<FetchError<{ title?: string; detail?: string | Detail[] }>>
  const { detail, title } = answer.data ?? {}
  const status = answer.statusCode ?? 0
  if (Array.isArray(detail)) {
    const fields = detail.map(({ loc, msg }) => ({ field: loc.slice(1).join('.'), message: msg }))
    return new Problem(status, fields.map(({ field, message }) => (field ? `${field}: ${message}` : message)).join('; '), fields)
  }
  return new Problem(status, detail ?? title ?? (status === 0 ? '' : `HTTP ${status}`))
}

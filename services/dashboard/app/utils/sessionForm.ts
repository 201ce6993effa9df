import type { FormField } from '~/utils/formSchema'
import type { FieldError } from '~/utils/problem'

/** What the controls hold: empty means that the field is left to the gateway. */
export type FormValues = Record<string, string>

type Json = string | number | boolean
interface Body {
  [key: string]: Json | Body
}

/** Which fields belong together, and the ones that are shown without asking. The rest is in the group `other`. */
export const GROUPS: { key: string; open: boolean; paths: string[] }[] = [
  {
    key: 'basics',
    open: true,
    paths: ['name', 'algorithm', 'total_timesteps', 'checkpoint', 'resume', 'init_from', 'config.seed'],
  },
  {
    key: 'world',
    open: true,
    paths: [
      'env_width',
      'env_height',
      'num_robots',
      'environment_type',
      'config.worlds',
      'config.map_config.map_type',
      'config.map_config.seed',
      'config.map_config.count',
      'config.map_config.initial_wall_probability',
      'config.battery_drain_rate',
      'config.max_steps',
      'config.strategic_init_mode',
      'config.patrol_mode',
      'config.patrol_radius',
    ],
  },
  {
    key: 'learning',
    open: true,
    paths: ['policy_type', 'config.hidden_size', 'learning_rate', 'batch_size', 'num_envs', 'num_workers'],
  },
  {
    key: 'reward',
    open: false,
    paths: [
      'coverage_weight',
      'exploration_weight',
      'diversity_weight',
      'config.threat_penalty_weight',
      'config.patrol_reward',
      'config.object_weight',
      'config.object_shaping',
      'config.threat_shaping',
      'config.calm_shaping',
      'config.reward_scale',
      'config.normalize_returns',
    ],
  },
  {
    key: 'optimisation',
    open: false,
    paths: [
      'config.rollout_length',
      'config.epochs',
      'config.gamma',
      'config.gae_lambda',
      'config.clip_range',
      'config.clip_range_value',
      'config.target_kl',
      'config.entropy_coefficient',
      'config.final_entropy_coefficient',
      'config.final_learning_rate_fraction',
      'config.value_coefficient',
      'config.max_grad_norm',
      'config.adam_epsilon',
      'config.gradient_shards',
      'config.tour_prior',
      'config.tour_anchor',
      'config.backend',
      'config.actors',
    ],
  },
  {
    key: 'records',
    open: false,
    paths: [
      'config.evaluation_episodes',
      'config.early_stopping_patience',
      'config.early_stopping_min_delta',
      'config.checkpoint_every_updates',
      'config.recording',
      'config.recording_sample_every',
      'config.recording_budget_bytes',
    ],
  },
]

/** Common values of texts whose schema lists none. */
export const PROPOSALS: Record<string, string[]> = { init_from: ['universal'] }

/** The groups with their fields; a field that is new in the gateway is in the last one. */
export function groupFields(fields: FormField[]) {
  const named = new Set(GROUPS.flatMap(({ paths }) => paths))
  const others = { key: 'other', open: false, paths: fields.map(({ path }) => path).filter((path) => !named.has(path)) }
  return [...GROUPS, others]
    .map(({ key, open, paths }) => ({
      key,
      open,
      fields: paths.flatMap((path) => fields.find((field) => field.path === path) ?? []),
    }))
    .filter((group) => group.fields.length > 0)
}

/** What a form begins with: empty but for choices that have to be made. */
export const initialValues = (fields: FormField[]): FormValues =>
  Object.fromEntries(fields.map(({ path, required, options }) => [path, required && options ? (options[0] ?? '') : '']))

const at = (value: unknown, path: string): unknown =>
  path.split('.').reduce<unknown>((inner, key) => (inner as Record<string, unknown> | null | undefined)?.[key], value)

/** What a session was started with, as a form that can be changed. */
export function valuesOf(fields: FormField[], session: object): FormValues {
  return Object.fromEntries(
    fields.map(({ path }) => {
      const value = at(session, path)
      return [path, value === null || value === undefined ? '' : String(value)]
    }),
  )
}

/** A number as it was typed, also with the full-width digits of a Japanese keyboard. */
const numberOf = (text: string) => Number(text.normalize('NFKC'))

function parsed({ kind }: FormField, text: string): Json {
  if (kind === 'boolean') return text === 'true'
  return kind === 'integer' || kind === 'number' ? numberOf(text) : text
}

/** What is sent as one: a field, or the settings of the map, which make sense only together. */
const unitOf = (path: string) => path.split('.').slice(0, 2).join('.')

/** The body of a request: fields that are empty, or as they were `before`, are left out. */
export function toRequest(fields: FormField[], values: FormValues, before: FormValues = {}): Body {
  const text = ({ path }: FormField) => (values[path] ?? '').trim()
  const changed = new Set(fields.filter((field) => text(field) !== (before[field.path] ?? '')).map(({ path }) => unitOf(path)))
  const body: Body = {}
  for (const field of fields) {
    if (text(field) === '' || !changed.has(unitOf(field.path))) continue
    const keys = field.path.split('.')
    const last = keys.pop() ?? ''
    const place = keys.reduce<Body>((inner, key) => (inner[key] ??= {}) as Body, body)
    place[last] = parsed(field, text(field))
  }
  return body
}

/** Why a text cannot be the value of a field: a key of the messages and what they need. */
export interface Complaint {
  key: 'required' | 'number' | 'integer' | 'range' | 'minimum' | 'maximum' | 'multipleOf' | 'length'
  field: FormField
}

/** What is wrong with a text by the limits of its field. */
export function complaintOf(field: FormField, text: string): Complaint | undefined {
  const value = text.trim()
  const { kind, required, minimum = -Infinity, maximum = Infinity, multipleOf, maxLength } = field
  if (value === '') return required ? { key: 'required', field } : undefined
  if (maxLength !== undefined && value.length > maxLength) return { key: 'length', field }
  if (kind !== 'integer' && kind !== 'number') return undefined
  const number = numberOf(value)
  if (!Number.isFinite(number)) return { key: 'number', field }
  if (kind === 'integer' && !Number.isInteger(number)) return { key: 'integer', field }
  if (number < minimum || number > maximum) {
    return { key: Number.isFinite(minimum) && Number.isFinite(maximum) ? 'range' : number < minimum ? 'minimum' : 'maximum', field }
  }
  return multipleOf !== undefined && number % multipleOf !== 0 ? { key: 'multipleOf', field } : undefined
}

/** A refusal's messages by the field that they are about; what no field shows stands under the empty path. */
export function errorsByField(errors: FieldError[], fields: FormField[]): Record<string, string> {
  const known = new Set(fields.map(({ path }) => path))
  const byField: Record<string, string> = {}
  for (const { field, message } of errors) {
    const path = known.has(field) ? field : ''
    const text = path || !field ? message : `${field}: ${message}`
    byField[path] = byField[path] ? `${byField[path]}; ${text}` : text
  }
  return byField
}

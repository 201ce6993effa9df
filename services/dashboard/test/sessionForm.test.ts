import { createFields, forkFields } from '#build/request-fields'
import { describe, expect, it } from 'vitest'
import { fieldsOf } from '~/utils/formSchema'
import { complaintOf, errorsByField, groupFields, initialValues, toRequest, valuesOf } from '~/utils/sessionForm'

const field = (path: string) => createFields.find((one) => one.path === path)!

describe('fields of the OpenAPI document', () => {
  it('carry its defaults and limits', () => {
    expect(field('env_width')).toMatchObject({ kind: 'integer', required: false, default: 8, minimum: 3, maximum: 50 })
    expect(field('algorithm')).toMatchObject({ kind: 'choice', required: true, options: ['ppo', 'a3c'] })
    expect(field('environment_type')).toMatchObject({ kind: 'choice', default: 'standard' })
    expect(field('config.recording').options).toEqual(['none', 'full', 'actions', 'sampled'])
    expect(field('config.strategic_init_mode').kind).toBe('boolean')
    expect(field('config.map_config.initial_wall_probability').maximum).toBe(0.7)
    expect(field('config.hidden_size').multipleOf).toBe(8)
    expect(field('init_from')).toMatchObject({ kind: 'text', maxLength: 64 })
  })

  it('propose values for a text that may be another, too', () => {
    expect(forkFields.find(({ path }) => path === 'checkpoint')).toMatchObject({ kind: 'text', options: ['last', 'best'] })
  })

  it('require what is inside of something optional only there', () => {
    const map = { properties: { map_type: { type: 'string' } }, required: ['map_type'] }
    const [inside] = fieldsOf({ properties: { map: { $ref: '#/components/schemas/Map' } } }, { Map: map })
    expect(inside).toMatchObject({ path: 'map.map_type', required: false })
  })

  it('are all in a group, once', () => {
    for (const fields of [createFields, forkFields]) {
      const paths = groupFields(fields).flatMap((group) => group.fields.map(({ path }) => path))
      expect(paths.toSorted()).toEqual(fields.map(({ path }) => path).toSorted())
    }
  })
})

describe('toRequest', () => {
  it('sends what was entered, as what it is, in its place', () => {
    const values = {
      ...initialValues(createFields),
      name: ' two robots ',
      total_timesteps: '１００００',
      learning_rate: '3e-4',
      'config.seed': '0',
      'config.normalize_returns': 'false',
      'config.map_config.map_type': 'cave',
      'config.map_config.seed': '7',
    }
    expect(toRequest(createFields, values)).toEqual({
      name: 'two robots',
      algorithm: 'ppo',
      total_timesteps: 10000,
      learning_rate: 0.0003,
      config: { seed: 0, normalize_returns: false, map_config: { map_type: 'cave', seed: 7 } },
    })
  })

  it('sends of a fork only what differs, and the settings of the map together', () => {
    const parent = { algorithm: 'ppo', num_robots: 2, config: { gamma: 0.97, map_config: { map_type: 'cave', seed: 7, count: null } } }
    const before = valuesOf(forkFields, parent)
    expect(toRequest(forkFields, before, before)).toEqual({})
    const values = { ...before, 'config.gamma': '0.98', 'config.map_config.seed': '8', checkpoint: 'best' }
    expect(toRequest(forkFields, values, before)).toEqual({
      checkpoint: 'best',
      config: { gamma: 0.98, map_config: { map_type: 'cave', seed: 8 } },
    })
  })
})

describe('complaintOf', () => {
  it.each([
    ['name', '', 'required'],
    ['name', 'x'.repeat(256), 'length'],
    ['total_timesteps', 'many', 'number'],
    ['total_timesteps', '1.5', 'integer'],
    ['env_width', '51', 'range'],
    ['config.hidden_size', '12', 'multipleOf'],
  ])('%s: %s', (path, text, key) => expect(complaintOf(field(path), text)?.key).toBe(key))

  it.each([
    ['env_width', ''],
    ['env_width', '５０'],
    ['learning_rate', '3e-4'],
  ])('accepts %s: %s', (path, text) => expect(complaintOf(field(path), text)).toBeUndefined())
})

describe('errorsByField', () => {
  it('shows at no field what belongs to none', () => {
    const errors = [
      { field: 'env_width', message: 'too wide' },
      { field: 'config.gama', message: '`gama` is not a known field' },
      { field: '', message: 'not an object' },
    ]
    expect(errorsByField(errors, createFields)).toEqual({
      env_width: 'too wide',
      '': 'config.gama: `gama` is not a known field; not an object',
    })
  })
})

import { describe, expect, it } from 'vitest'
import { Problem, problemOf } from '~/utils/problem'

describe('problemOf', () => {
  it('keeps the sentence of the gateway', () => {
    const problem = problemOf({ statusCode: 409, data: { title: 'Conflict', detail: 'run 1 is completed' } })
    expect(problem).toBeInstanceOf(Problem)
    expect(problem).toMatchObject({ status: 409, message: 'run 1 is completed', fields: [] })
  })

  it('names the fields of a 422 without where they were sent', () => {
    const detail = [
      { loc: ['body', 'config', 'map_config', 'count'], msg: '900 is greater than the maximum of 500', type: 'invalid' },
      { loc: ['body'], msg: 'not an object', type: 'invalid' },
    ]
    const problem = problemOf({ statusCode: 422, data: { title: 'Unprocessable Entity', detail } })
    expect(problem.fields).toEqual([
      { field: 'config.map_config.count', message: '900 is greater than the maximum of 500' },
      { field: '', message: 'not an object' },
    ])
    expect(problem.message).toBe('config.map_config.count: 900 is greater than the maximum of 500; not an object')
  })

  it('says the title, or else the code, where there is no sentence', () => {
    expect(problemOf({ statusCode: 502, data: { title: 'Bad Gateway' } }).message).toBe('Bad Gateway')
    expect(problemOf({ statusCode: 502 }).message).toBe('HTTP 502')
  })

  it('has no words where no answer came', () => {
    expect(problemOf(new TypeError('fetch failed'))).toMatchObject({ status: 0, message: '' })
  })
})

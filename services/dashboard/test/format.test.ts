import { describe, expect, it } from 'vitest'
import * as format from '~/utils/format'

describe('numbers', () => {
  it('follow the language', () => {
    expect(format.formatNumber(1234567, 'en')).toBe('1,234,567')
    expect(format.formatDecimal(0.5, 'en')).toBe('0.500')
    expect(format.formatDecimal(0.5, 'de')).toBe('0,500')
  })

  it('have a sign where a difference is meant', () => {
    expect(format.formatSigned(0, 'en')).toBe('+0.000')
    expect(format.formatSigned(-0.056, 'en')).toBe('-0.056')
  })

  it('keep their digits whatever their size', () => {
    expect(format.formatSignificant(0.01234, 'en')).toBe('0.0123')
    expect(format.formatSignificant(0.000001234, 'en')).toBe('1.23E-6')
    expect(format.formatSignificant(0, 'en')).toBe('0')
  })

  it('are short on axes', () => {
    expect(format.formatCompact(2_500_000, 'en')).toBe('2.5M')
    expect(format.formatCompact(2_500_000, 'ja')).toBe('250万')
  })

  it('are a dash where there is none', () => {
    for (const nothing of [null, undefined, NaN, Infinity]) {
      expect(format.formatNumber(nothing, 'en')).toBe(format.ABSENT)
      expect(format.formatShare(nothing, 'en')).toBe(format.ABSENT)
      expect(format.formatBytes(nothing, 'en')).toBe(format.ABSENT)
      expect(format.formatClock(nothing)).toBe(format.ABSENT)
    }
  })
})

describe('shares', () => {
  it('are whole only when all is done', () => {
    expect(format.formatShare(0.9999, 'en')).toBe('99%')
    expect(format.formatShare(1, 'en')).toBe('100%')
    expect(format.formatShare(0.98765, 'en', 1)).toBe('98.7%')
  })
})

describe('durations', () => {
  it.each([
    [0, '0:00'],
    [31, '0:31'],
    [59.6, '1:00'],
    [3723, '1:02:03'],
    [273600, '76:00:00'],
    [-1, format.ABSENT],
  ])('%d s', (seconds, text) => expect(format.formatClock(seconds)).toBe(text))
})

describe('sizes', () => {
  it('have the unit that fits', () => {
    expect(format.formatBytes(0, 'en')).toBe('0 bytes')
    expect(format.formatBytes(999, 'en')).toBe('999 bytes')
    expect(format.formatBytes(1500, 'en')).toBe('1.5 kB')
    expect(format.formatBytes(151_292, 'en')).toBe('151 kB')
    expect(format.formatBytes(2 ** 31, 'en')).toBe('2.1 GB')
  })
})

describe('times', () => {
  it('are written out in the language', () => {
    expect(format.formatTime('2026-11-27T12:00:00Z', 'ja')).toMatch(/^2026\/11\/2\d /)
  })

  it('are a dash where there is none', () => {
    expect(format.formatTime(null, 'en')).toBe(format.ABSENT)
    expect(format.formatTime('not a time', 'en')).toBe(format.ABSENT)
  })
})

// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { PageCache } from '~/utils/pageCache'
import { advance, pagesWanted, pagingFor, playerCommand, rangeOf, splitOf, sumUpTo, wholeNumber } from '~/utils/playback'

describe('PageCache', () => {
  it('drops what has been unused for longest', () => {
    const cache = new PageCache<string>(2)
    cache.set(1, 'one')
    cache.set(2, 'two')
    expect(cache.get(1)).toBe('one')
    cache.set(3, 'three')
    expect([1, 2, 3].map((page) => cache.has(page))).toEqual([true, false, true])
  })
})

describe('pagingFor', () => {
  it('has large pages for small worlds and small ones for large worlds', () => {
    expect(pagingFor(1000, 64)).toMatchObject({ size: 200, pages: 5, whole: true })
    expect(pagingFor(10_000, 2500)).toMatchObject({ size: 16, pages: 625, whole: false })
    expect(pagingFor(10, 10_000).size).toBe(10)
  })

  it('keeps all pages of an episode that is loaded as a whole', () => {
    for (const cells of [9, 64, 400, 2500]) {
      const paging = pagingFor(Math.floor(800_000 / cells), cells)
      expect(paging.whole && paging.pages <= paging.kept).toBe(true)
    }
  })
})

describe('pagesWanted', () => {
  const large = pagingFor(10_000, 2500)

  it('wants the page of the play head first, then what it will reach', () => {
    expect(pagesWanted(large, 0, 1)).toEqual([0, 1])
    expect(pagesWanted(large, 31, 1)).toEqual([1, 2])
  })

  it('wants more when it plays faster, never more than is kept or than there is', () => {
    expect(pagesWanted(large, 0, 32)).toHaveLength(33)
    expect(pagesWanted(large, 9999, 32)).toEqual([624])
    expect(pagesWanted({ ...large, kept: 6 }, 0, 32)).toHaveLength(5)
  })

  it('wants all pages of a small episode, the near ones first', () => {
    expect(pagesWanted(pagingFor(1000, 64), 450, 1)).toEqual([2, 0, 1, 3, 4])
  })
})

describe('advance', () => {
  it('moves on, waits for what is missing and stops at the end', () => {
    expect(advance(3, 2, 10, () => true)).toBe(5)
    expect(advance(3, 5, 10, (at) => at < 6)).toBe(5)
    expect(advance(9, 5, 10, () => true)).toBe(10)
    expect(advance(3, 0, 10, () => true)).toBe(3)
  })
})

describe('series', () => {
  it('are summed and measured where they are known', () => {
    expect(sumUpTo([1, 2, Number.NaN], 1)).toBe(3)
    expect(sumUpTo([1, Number.NaN, 2], 2)).toBeNull()
    expect(sumUpTo([1], 4)).toBeNull()
    expect(rangeOf([Number.NaN, 0.5, 0.25])).toEqual({ known: 2, lowest: 0.25, highest: 0.5 })
    expect(rangeOf([Number.NaN])).toBeNull()
  })
})

describe('addresses and keys', () => {
  it('are taken only where they make sense', () => {
    expect(wholeNumber('12')).toBe(12)
    expect(wholeNumber('0', 1)).toBeNull()
    for (const text of ['', '-1', '1.5', '1e3', ' 1', '99999999999999999', undefined, ['1']]) expect(wholeNumber(text)).toBeNull()
    expect(splitOf('eval')).toBe('eval')
    expect(splitOf('evil')).toBeNull()
    expect(playerCommand(' ')).toBe('toggle')
    expect(playerCommand('a')).toBeNull()
  })
})

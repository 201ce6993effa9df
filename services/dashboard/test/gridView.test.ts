// @vitest-environment node
import { describe, expect, it } from 'vitest'
import { cellAt, cursorAfter, layOut } from '~/utils/gridLayout'
import { lightness, THREAT_COLORS, threatColor } from '~/utils/threatScale'

describe('threatColor', () => {
  it('gets lighter in even steps', () => {
    const steps = Array.from({ length: 21 }, (_, step) => lightness(threatColor(step / 20)))
    const differences = steps.slice(1).map((value, index) => value - steps[index]!)
    const mean = (steps.at(-1)! - steps[0]!) / differences.length
    for (const difference of differences) {
      expect(difference).toBeGreaterThan(mean * 0.6)
      expect(difference).toBeLessThan(mean * 1.4)
    }
  })

  it('stays in its range', () => {
    expect(threatColor(-1)).toEqual(threatColor(0))
    expect(threatColor(2)).toEqual(threatColor(1))
    expect(THREAT_COLORS).toHaveLength(101)
    expect(THREAT_COLORS[100]).toBe('rgb(253 231 37)')
  })
})

describe('layOut', () => {
  it('fits cells of whole pixels into the box, in the middle', () => {
    expect(layOut(12, 10, 500, 1000)).toEqual({ width: 500, height: 410, cell: 41, left: 4, top: 0, mark: 41 })
  })

  it('is limited by the height of tall grids', () => {
    expect(layOut(3, 50, 900, 560)).toMatchObject({ cell: 11, height: 550, left: 433 })
  })

  it('leaves robots large enough to be found', () => {
    expect(layOut(50, 50, 400, 560)).toMatchObject({ cell: 8, mark: 20 })
    expect(layOut(50, 50, 800, 1120, 2)).toMatchObject({ cell: 16, mark: 40 })
  })

  it('has cells in a box that is too small for them', () => {
    expect(layOut(50, 50, 20, 20).cell).toBe(1)
  })
})

describe('cellAt', () => {
  const layout = layOut(3, 50, 900, 560)

  it('finds cells, and none beside the grid', () => {
    expect(cellAt(layout, 3, 50, 433, 0)).toEqual({ x: 0, y: 0 })
    expect(cellAt(layout, 3, 50, 433 + 32, 549)).toEqual({ x: 2, y: 49 })
    expect(cellAt(layout, 3, 50, 432, 0)).toBeNull()
    expect(cellAt(layout, 3, 50, 433 + 33, 0)).toBeNull()
    expect(cellAt(layout, 3, 50, 440, 550)).toBeNull()
  })
})

describe('cursorAfter', () => {
  it('begins in the corner, moves and stays inside', () => {
    expect(cursorAfter('ArrowRight', null, 3, 2)).toEqual({ x: 0, y: 0 })
    expect(cursorAfter('ArrowUp', null, 3, 2)).toEqual({ x: 0, y: 0 })
    expect(cursorAfter('ArrowDown', { x: 1, y: 0 }, 3, 2)).toEqual({ x: 1, y: 1 })
    expect(cursorAfter('ArrowRight', { x: 2, y: 0 }, 3, 2)).toEqual({ x: 2, y: 0 })
    expect(cursorAfter('Enter', { x: 2, y: 0 }, 3, 2)).toBeNull()
  })
})

import type { Cell } from '~/utils/grid'

/** Where the cells lie on a canvas, in pixels of the device: whole numbers, so that edges are crisp. */
export interface GridLayout {
  /** Size of the canvas. */
  width: number
  height: number
  /** Side of a cell, and where the first one begins. */
  cell: number
  left: number
  top: number
  /** Side of the square in which a robot is drawn: more than a cell where that would be too small to find. */
  mark: number
}

/** CSS pixels. */
const SMALLEST_MARK = 20

/**
 * The largest cells with which a grid fits into a box; the canvas is as wide as the box. Sizes are in pixels of the device,
 * of which `ratio` are a CSS pixel.
 */
export function layOut(columns: number, rows: number, boxWidth: number, mostHeight: number, ratio = 1): GridLayout {
  const cell = Math.max(1, Math.floor(Math.min(boxWidth / Math.max(columns, 1), mostHeight / Math.max(rows, 1))))
  return {
    width: boxWidth,
    height: cell * rows,
    cell,
    left: Math.max(0, Math.floor((boxWidth - cell * columns) / 2)),
    top: 0,
    mark: Math.max(cell, SMALLEST_MARK * ratio),
  }
}

/** The cell at a point of the canvas; null beside the grid. */
export function cellAt(layout: GridLayout, columns: number, rows: number, x: number, y: number): Cell | null {
  const cell = { x: Math.floor((x - layout.left) / layout.cell), y: Math.floor((y - layout.top) / layout.cell) }
  return cell.x >= 0 && cell.y >= 0 && cell.x < columns && cell.y < rows ? cell : null
}

const STEPS: Record<string, Cell> = {
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
  ArrowLeft: { x: -1, y: 0 },
  ArrowRight: { x: 1, y: 0 },
}

/** Where a key takes the cursor; null for a key that does not move it. */
export function cursorAfter(key: string, from: Cell | null, columns: number, rows: number): Cell | null {
  const step = STEPS[key]
  if (!step) return null
  if (!from) return { x: 0, y: 0 }
  const clamp = (value: number, size: number) => Math.min(Math.max(value, 0), size - 1)
  return { x: clamp(from.x + step.x, columns), y: clamp(from.y + step.y, rows) }
}

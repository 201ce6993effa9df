import type { Schemas } from '~/composables/useGateway'
import type { Grid } from '~/utils/grid'
import { summarize, toGrid } from '~/utils/grid'

/** What episodes are archived for, in the order in which the gateway looks for some. */
export const SPLITS = ['train', 'external', 'eval', 'baseline'] as const satisfies readonly Schemas['Split'][]

export const SPEEDS = [1, 2, 4, 8, 16, 32] as const

/** Steps per second at speed 1. */
export const STEPS_PER_SECOND = 4

/** Cells of a page: some hundred kilobytes of JSON. */
const CELLS_PER_PAGE = 40_000
const MOST_FRAMES = 200
const FEWEST_FRAMES = 10
/** Cells that are kept: ten bytes each. */
const CELLS_KEPT = 4_000_000
/** Episodes of fewer cells are loaded as a whole, so that their chart is complete. */
const CELLS_LOADED_WHOLE = 800_000
/** Seconds of playing that are loaded ahead. */
const SECONDS_AHEAD = 4

/** How the frames of an episode are asked for: all pages have one size, or they would not fit together. */
export interface Paging {
  size: number
  pages: number
  /** Pages to keep. */
  kept: number
  whole: boolean
}

/** Paging for an episode of so many frames of so many cells. */
export function pagingFor(frames: number, cells: number): Paging {
  const size = Math.min(Math.max(Math.floor(CELLS_PER_PAGE / Math.max(cells, 1)), FEWEST_FRAMES), MOST_FRAMES)
  const pages = Math.ceil(frames / size)
  return { size, pages, kept: Math.max(6, Math.floor(CELLS_KEPT / (size * cells))), whole: frames * cells <= CELLS_LOADED_WHOLE }
}

/** Pages (from 0) to have, most urgent first: that of the play head, those it will reach soon, the rest if all are loaded. */
export function pagesWanted(paging: Paging, position: number, speed: number): number[] {
  const here = Math.floor(position / paging.size)
  const steps = Math.max(speed * STEPS_PER_SECOND * SECONDS_AHEAD, paging.size / 2)
  const ahead = Math.min(Math.floor((position + steps) / paging.size), paging.pages - 1, here + paging.kept - 2)
  const wanted = new Set([here])
  for (let page = here + 1; page <= ahead; page++) wanted.add(page)
  if (paging.whole) for (let page = 0; page < paging.pages; page++) wanted.add(page)
  return [...wanted]
}

/** One step of an episode. */
export interface Moment {
  grid: Grid
  reward: number | null
  action: number | null
  coverage: number
  /** Share of the free cells that robots have entered. */
  exploration: number
  meanThreat: number
}

/** A frame of the archive in the compact form in which it is kept. */
export function momentOf(frame: Schemas['Frame']): Moment {
  const grid = toGrid(frame)
  return {
    grid,
    reward: frame.reward_received ?? null,
    action: frame.action_taken ?? null,
    coverage: frame.coverage_ratio,
    exploration: frame.exploration_score,
    meanThreat: summarize(grid).meanThreat ?? Number.NaN,
  }
}

/** Where the play head is after so many steps: it waits before a step that is not there yet. */
export function advance(position: number, steps: number, last: number, isReady: (position: number) => boolean): number {
  let at = position
  while (steps-- > 0 && at < last && isReady(at + 1)) at++
  return at
}

export type PlayerCommand = 'toggle' | 'back' | 'forward' | 'start' | 'end'

const COMMANDS: Record<string, PlayerCommand> = {
  ' ': 'toggle',
  ArrowLeft: 'back',
  ArrowRight: 'forward',
  Home: 'start',
  End: 'end',
}

/** What a key asks of the player; null for others. */
export function playerCommand(key: string): PlayerCommand | null {
  return COMMANDS[key] ?? null
}

/** Sum of the values up to a position; null while one of them is not known (NaN). */
export function sumUpTo(values: ArrayLike<number>, position: number): number | null {
  let sum = 0
  for (let at = 0; at <= position; at++) sum += values[at] ?? Number.NaN
  return Number.isNaN(sum) ? null : sum
}

/** How many values are known (not NaN), and their range; null where none is. */
export function rangeOf(values: ArrayLike<number>) {
  let [known, lowest, highest] = [0, Infinity, -Infinity]
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? Number.NaN
    if (Number.isNaN(value)) continue
    known += 1
    lowest = Math.min(lowest, value)
    highest = Math.max(highest, value)
  }
  return known > 0 ? { known, lowest, highest } : null
}

/** A whole number of an address, at least `least`; null for anything else. */
export function wholeNumber(text: unknown, least = 0): number | null {
  const value = typeof text === 'string' && /^\d+$/.test(text) ? Number(text) : Number.NaN
  return Number.isSafeInteger(value) && value >= least ? value : null
}

/** A split of an address; null for anything else. */
export function splitOf(text: unknown): Schemas['Split'] | null {
  return SPLITS.find((split) => split === text) ?? null
}

// @vitest-environment node
import { describe, expect, it } from 'vitest'
import type { Schemas } from '~/composables/useGateway'
import type { EnvironmentUpdate } from '~/utils/grid'
import { agentGrid, cellDetails, groundGrid, summarize, toGrid } from '~/utils/grid'

const robot = { id: 1, x: 2, y: 1, orientation: 3, battery_percentage: 64.5, is_charging: true, action_taken: 3 }
const threat = [
  [0.5, 0, 0.1],
  [0, 1, 0],
]
const cleared = [
  [1, 0, 0],
  [0, 1, 1],
]
const obstacles = [
  [false, true, false],
  [false, false, false],
]

const live: EnvironmentUpdate = {
  type: 'environment_update',
  session_id: 7,
  episode: 4,
  step: 30,
  grid_width: 3,
  grid_height: 2,
  threat_grid: threat,
  coverage_map: cleared,
  obstacles,
  robots: [robot],
  suspicious_objects: [{ x: 1, y: 1, spawn_time: 12, threat_level: 1 }],
  charging_stations: [{ x: 2, y: 1 }],
}

const archived = {
  episode: 4,
  step: 30,
  threat_grid: { levels: threat },
  coverage_map: { levels: cleared, counts: [[3, 0, 0], [0, 1, 2]] },
  obstacles: { levels: obstacles },
  robots: [robot],
  suspicious_objects: [{ x: 1, y: 1, spawn_time: 12, threat_level: 1, type: 'suspicious_object' }],
  charging_stations: [{ x: 2, y: 1 }],
} as unknown as Schemas['Frame']

const ground: Schemas['EnvironmentInfo'] = {
  width: 3,
  height: 2,
  threat_grid: threat,
  obstacles,
  average_threat_level: 0.3,
  max_threat_level: 1,
  min_threat_level: 0,
  threat_histogram: [3, 0, 1, 0, 1],
  high_threat_tiles: [],
  charging_station: { x: 2, y: 1 },
  suspicious_objects: [],
}

describe('toGrid', () => {
  it('gives live and archived frames one shape', () => {
    const { visits, ...fromLive } = toGrid(live)
    const { visits: counted, ...fromArchive } = toGrid(archived)
    expect(fromLive).toEqual(fromArchive)
    expect(visits).toBeNull()
    expect([...counted!]).toEqual([3, 0, 0, 0, 1, 2])
  })

  it('keeps the order of rows, then columns', () => {
    const grid = toGrid(live)
    expect([grid.width, grid.height]).toEqual([3, 2])
    expect([...grid.obstacles]).toEqual([0, 1, 0, 0, 0, 0])
    expect([...grid.threat!]).toEqual([0.5, 0, Math.fround(0.1), 0, 1, 0])
    expect(grid.robots).toEqual([{ id: 1, x: 2, y: 1, heading: 3, battery: 64.5, charging: true, action: 3 }])
  })

  it('leaves a grid as it is', () => {
    const grid = toGrid(live)
    expect(toGrid(grid)).toBe(grid)
  })

  it('takes a world without rows and a robot that has not acted', () => {
    const { robots } = toGrid({ ...live, threat_grid: [], coverage_map: [], obstacles: [], robots: [{ ...robot, action_taken: null }] })
    expect(robots[0]?.action).toBeNull()
  })
})

describe('grids of scripted agents', () => {
  it('have no threat in a frame, and nobody in the ground', () => {
    const frame: Schemas['PlaybackFrame'] = {
      timestep: 9,
      robot_x: 0,
      robot_y: 1,
      robot_orientation: 1,
      action: 0,
      reward: -0.1,
      battery_percentage: 99,
      is_charging: false,
      coverage_map: cleared,
      timestamp: '2026-01-01T00:00:00Z',
    }
    const grid = agentGrid(ground, frame, 2)
    expect(grid.threat).toBeNull()
    expect(grid).toMatchObject({ episode: 2, step: 9, robots: [{ x: 0, y: 1, heading: 1, battery: 99 }] })
    expect(summarize(grid)).toEqual({ meanThreat: null, highest: null, coverage: 3 / 5 })
    expect(groundGrid(ground)).toMatchObject({ robots: [], cleared: null })
    expect(summarize(groundGrid(ground)).coverage).toBeNull()
  })
})

describe('summarize', () => {
  it('counts free cells only', () => {
    const { meanThreat, highest, coverage } = summarize(toGrid(live))
    expect(meanThreat).toBeCloseTo(1.6 / 5, 6)
    expect(highest).toEqual({ x: 1, y: 1, threat: 1 })
    expect(coverage).toBe(3 / 5)
  })

  it('has nothing to say of a world without free cells', () => {
    const grid = toGrid({ ...live, obstacles: [[true, true, true], [true, true, true]] })
    expect(summarize(grid)).toEqual({ meanThreat: null, highest: null, coverage: null })
  })
})

describe('cellDetails', () => {
  it('tells everything about a cell', () => {
    const grid = toGrid(archived)
    expect(cellDetails(grid, { x: 2, y: 1 })).toMatchObject({ station: true, robot: { id: 1 }, visits: 2, object: null, cleared: true })
    expect(cellDetails(grid, { x: 1, y: 1 })).toMatchObject({ object: { spawnedAt: 12 }, threat: 1, obstacle: false })
    expect(cellDetails(grid, { x: 1, y: 0 }).obstacle).toBe(true)
  })
})

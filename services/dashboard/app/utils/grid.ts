import type { Schemas } from '~/composables/useGateway'

/** 0 north, 1 east, 2 south, 3 west. */
export type Heading = 0 | 1 | 2 | 3

export interface Cell {
  x: number
  y: number
}

export interface GridRobot extends Cell {
  id: number
  heading: Heading
  /** Percent. */
  battery: number
  charging: boolean
  /** 0 forward, 1 turn left, 2 turn right, 3 patrol; null before the first step. */
  action: number | null
}

export interface GridObject extends Cell {
  /** Step of the episode at which it appeared; null where nobody says. */
  spawnedAt: number | null
}

/** The state of a world at one step, whatever it was read from. Cells are in row-major order. */
export interface Grid {
  width: number
  height: number
  episode: number
  step: number
  obstacles: Uint8Array
  /** 0..1; null where the source does not tell it. */
  threat: Float32Array | null
  /** 1 for a cell that was cleared in this episode; null where the source does not tell it. */
  cleared: Uint8Array | null
  /** How often robots entered a cell; null where the source does not tell it. */
  visits: Uint32Array | null
  stations: Cell[]
  objects: GridObject[]
  robots: GridRobot[]
}

/** The WebSocket's `environment_update`: a live frame as the gateway passes it on. */
export type EnvironmentUpdate = Omit<Schemas['LiveFrame'], 'run_id'> & {
  type: 'environment_update'
  session_id: number
}

/** What the grid view takes. */
export type GridSource = EnvironmentUpdate | Schemas['Frame'] | Grid

type Rows = readonly (readonly (number | boolean)[])[]

/** Rows by y, then x, one after the other; cells that a row lacks are 0. */
function flatten<A extends Uint8Array | Uint32Array | Float32Array>(into: A, rows: Rows, width: number): A {
  rows.forEach((row, y) => {
    for (let x = 0; x < width; x++) into[y * width + x] = Number(row[x] ?? 0)
  })
  return into
}

const headingOf = (orientation: number) => (orientation & 3) as Heading

function robotOf(robot: Schemas['RobotFrame'] | Schemas['LiveRobot']): GridRobot {
  return {
    id: robot.id,
    x: robot.x,
    y: robot.y,
    heading: headingOf(robot.orientation),
    battery: robot.battery_percentage,
    charging: robot.is_charging,
    action: robot.action_taken ?? null,
  }
}

/** Live frames have bare rows where those of the archive have objects with `levels`. */
function layersOf(source: EnvironmentUpdate | Schemas['Frame']) {
  if ('type' in source) {
    return { threat: source.threat_grid, cleared: source.coverage_map, obstacles: source.obstacles, visits: null }
  }
  return {
    threat: source.threat_grid.levels,
    cleared: source.coverage_map.levels,
    obstacles: source.obstacles.levels,
    visits: source.coverage_map.counts,
  }
}

/** One shape for live frames, archived frames and grids that are one already. */
export function toGrid(source: GridSource): Grid {
  if ('cleared' in source) return source
  const layers = layersOf(source)
  const height = layers.threat.length
  const width = layers.threat[0]?.length ?? 0
  const size = width * height
  return {
    width,
    height,
    episode: source.episode,
    step: source.step,
    obstacles: flatten(new Uint8Array(size), layers.obstacles, width),
    threat: flatten(new Float32Array(size), layers.threat, width),
    cleared: flatten(new Uint8Array(size), layers.cleared, width),
    visits: layers.visits && flatten(new Uint32Array(size), layers.visits, width),
    stations: source.charging_stations,
    objects: source.suspicious_objects.map(({ x, y, spawn_time }) => ({ x, y, spawnedAt: spawn_time })),
    robots: source.robots.map(robotOf),
  }
}

/** The map of a scripted agent's execution as its first episode left it. */
export function groundGrid(ground: Schemas['EnvironmentInfo']): Grid {
  const { width, height } = ground
  const size = width * height
  return {
    width,
    height,
    episode: 1,
    step: 0,
    obstacles: flatten(new Uint8Array(size), ground.obstacles, width),
    threat: flatten(new Float32Array(size), ground.threat_grid, width),
    cleared: null,
    visits: null,
    stations: [ground.charging_station],
    objects: ground.suspicious_objects.map(({ x, y }) => ({ x, y, spawnedAt: null })),
    robots: [],
  }
}

/** A frame of a scripted agent's episode. It does not tell threat; the ground is that of the whole execution. */
export function agentGrid(ground: Schemas['EnvironmentInfo'], frame: Schemas['PlaybackFrame'], episode: number): Grid {
  const { width, height } = ground
  return {
    width,
    height,
    episode,
    step: frame.timestep,
    obstacles: flatten(new Uint8Array(width * height), ground.obstacles, width),
    threat: null,
    cleared: flatten(new Uint8Array(width * height), frame.coverage_map, width),
    visits: null,
    stations: [ground.charging_station],
    objects: [],
    robots: [
      {
        id: 0,
        x: frame.robot_x,
        y: frame.robot_y,
        heading: headingOf(frame.robot_orientation),
        battery: frame.battery_percentage,
        charging: frame.is_charging,
        action: frame.action,
      },
    ],
  }
}

/**
 * Figures over the free cells, as the product defines them; the mean and the highest threat are null without threat,
 * coverage without what was cleared.
 */
export function summarize(grid: Grid) {
  let free = 0
  let cleared = 0
  let sum = 0
  let highest: (Cell & { threat: number }) | null = null
  for (let index = 0; index < grid.obstacles.length; index++) {
    if (grid.obstacles[index]) continue
    free += 1
    cleared += grid.cleared?.[index] ?? 0
    const threat = grid.threat?.[index]
    if (threat === undefined) continue
    sum += threat
    if (!highest || threat > highest.threat) {
      highest = { x: index % grid.width, y: Math.floor(index / grid.width), threat }
    }
  }
  return {
    meanThreat: grid.threat && free > 0 ? sum / free : null,
    highest,
    coverage: grid.cleared && free > 0 ? cleared / free : null,
  }
}

/** Everything that is known about one cell. */
export function cellDetails(grid: Grid, { x, y }: Cell) {
  const index = y * grid.width + x
  const here = (other: Cell) => other.x === x && other.y === y
  return {
    obstacle: grid.obstacles[index] === 1,
    threat: grid.threat?.[index] ?? null,
    cleared: grid.cleared && grid.cleared[index] === 1,
    visits: grid.visits?.[index] ?? null,
    station: grid.stations.some(here),
    object: grid.objects.find(here) ?? null,
    robot: grid.robots.find(here) ?? null,
  }
}

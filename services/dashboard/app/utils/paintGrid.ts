import type { Cell, Grid, GridRobot } from '~/utils/grid'
import type { GridLayout } from '~/utils/gridLayout'
import { THREAT_COLORS } from '~/utils/threatScale'

/** Colours that follow the page's scheme; those of threat do not. */
export interface GridPalette {
  floor: string
  cleared: string
  obstacle: string
  hatch: string
  robot: string
  robotText: string
  outline: string
  battery: string
  batteryLow: string
  station: string
  object: string
  cursor: string
  cursorEdge: string
}

/** Below this battery level the rules of the world punish robots. */
const LOW_BATTERY = 30
/** Smaller cells, in pixels, leave no room for numbers and marks. */
const SMALLEST_DETAIL = 14

type Context = CanvasRenderingContext2D

/** Draws a grid and, where there is one, the cursor. */
export function paintGrid(context: Context, grid: Grid, layout: GridLayout, palette: GridPalette, cursor: Cell | null) {
  context.clearRect(0, 0, layout.width, layout.height)
  paintCells(context, grid, layout, palette)
  for (const station of grid.stations) paintStation(context, station, layout, palette)
  for (const object of grid.objects) paintObject(context, object, layout, palette)
  for (const robot of grid.robots) paintRobot(context, robot, layout, palette)
  if (cursor) paintCursor(context, cursor, layout, palette)
}

const cornerOf = (layout: GridLayout, { x, y }: Cell) => ({
  left: layout.left + x * layout.cell,
  top: layout.top + y * layout.cell,
})

const centreOf = (layout: GridLayout, { x, y }: Cell) => ({
  x: layout.left + (x + 0.5) * layout.cell,
  y: layout.top + (y + 0.5) * layout.cell,
})

function paintCells(context: Context, grid: Grid, layout: GridLayout, palette: GridPalette) {
  const { cell } = layout
  const gap = cell >= SMALLEST_DETAIL ? 1 : 0
  for (let index = 0; index < grid.obstacles.length; index++) {
    const { left, top } = cornerOf(layout, { x: index % grid.width, y: Math.floor(index / grid.width) })
    if (grid.obstacles[index]) {
      paintObstacle(context, left, top, cell, palette)
      continue
    }
    const threat = grid.threat?.[index]
    const cleared = !grid.cleared || grid.cleared[index] === 1
    const bare = cleared ? palette.cleared : palette.floor
    context.fillStyle = threat === undefined ? bare : (THREAT_COLORS[Math.round(threat * 100)] ?? palette.floor)
    context.fillRect(left, top, cell - gap, cell - gap)
    if (!cleared && threat !== undefined) paintUncleared(context, left, top, cell, threat)
  }
}

/** A dot for what nobody has cleared yet: it goes away as coverage grows. */
function paintUncleared(context: Context, left: number, top: number, cell: number, threat: number) {
  const side = Math.max(1, Math.round(cell / 8))
  const inset = Math.round((cell - side) / 2)
  context.fillStyle = threat > 0.6 ? '#000' : '#fff'
  context.fillRect(left + inset, top + inset, side, side)
}

function paintObstacle(context: Context, left: number, top: number, cell: number, palette: GridPalette) {
  context.fillStyle = palette.obstacle
  context.fillRect(left, top, cell, cell)
  if (cell < SMALLEST_DETAIL) return
  context.strokeStyle = palette.hatch
  context.lineWidth = Math.max(1, cell / 16)
  context.beginPath()
  for (const share of [0.5, 1, 1.5]) {
    const from = Math.max(0, share - 1) * cell
    const to = Math.min(1, share) * cell
    context.moveTo(left + from, top + to)
    context.lineTo(left + to, top + from)
  }
  context.stroke()
}

function paintStation(context: Context, station: Cell, layout: GridLayout, palette: GridPalette) {
  const { left, top } = cornerOf(layout, station)
  const { cell } = layout
  const width = Math.max(1, Math.round(cell / 10))
  const frame = (color: string, thickness: number, inset: number) => {
    context.strokeStyle = color
    context.lineWidth = thickness
    context.strokeRect(left + inset, top + inset, cell - 2 * inset, cell - 2 * inset)
  }
  frame(palette.outline, width * 2, width)
  frame(palette.station, width, width)
  if (cell < SMALLEST_DETAIL) return
  // A bolt in the upper right corner, where a robot on the station does not hide it.
  const at = (x: number, y: number) => [left + cell * (0.7 + x * 0.24), top + cell * (0.08 + y * 0.34)] as const
  const bolt = [at(0.6, 0), at(0, 0.6), at(0.45, 0.6), at(0.3, 1), at(1, 0.4), at(0.5, 0.4)]
  polygon(context, bolt, palette.station, palette.outline, Math.max(1, cell / 24))
}

function paintObject(context: Context, object: Cell, layout: GridLayout, palette: GridPalette) {
  const { x, y } = centreOf(layout, object)
  const reach = layout.cell * 0.38
  const corners = [[x, y - reach], [x + reach, y], [x, y + reach], [x - reach, y]] as const
  polygon(context, corners, palette.object, palette.outline, Math.max(1, layout.cell / 16))
  if (layout.cell < SMALLEST_DETAIL) return
  write(context, '!', x, y, layout.cell * 0.45, palette.robotText)
}

function paintRobot(context: Context, robot: GridRobot, layout: GridLayout, palette: GridPalette) {
  const { x, y } = centreOf(layout, robot)
  const { mark } = layout
  const radius = mark * 0.36
  const line = Math.max(1, mark / 16)
  // The heading: a beak that sticks out of the disc.
  const angle = (robot.heading - 1) * (Math.PI / 2)
  const point = (turn: number, reach: number) =>
    [x + Math.cos(angle + turn) * reach, y + Math.sin(angle + turn) * reach] as const
  const beak = [point(0, mark * 0.54), point(0.8, radius), point(-0.8, radius)]
  polygon(context, beak, palette.robot, palette.outline, line)
  disc(context, x, y, radius + line / 2, palette.outline)
  disc(context, x, y, radius - line / 2, palette.robot)
  // There is no room for both the ring and the number where the mark is larger than its cell.
  const roomy = mark === layout.cell
  if (roomy) paintBattery(context, robot, x, y, radius - line * 1.8, line, palette)
  write(context, String(robot.id + 1), x, y, mark * (roomy ? 0.36 : 0.48), palette.robotText)
}

/** A ring as long as the battery's share; broken while it charges. */
function paintBattery(
  context: Context,
  { battery, charging }: GridRobot,
  x: number,
  y: number,
  radius: number,
  line: number,
  palette: GridPalette,
) {
  context.strokeStyle = battery < LOW_BATTERY ? palette.batteryLow : palette.battery
  context.lineWidth = line * 1.6
  context.setLineDash(charging ? [line * 2, line] : [])
  context.beginPath()
  const share = Math.min(Math.max(battery, 0), 100) / 100
  context.arc(x, y, radius, -Math.PI / 2, -Math.PI / 2 + share * 2 * Math.PI)
  context.stroke()
  context.setLineDash([])
}

function paintCursor(context: Context, cursor: Cell, layout: GridLayout, palette: GridPalette) {
  const { left, top } = cornerOf(layout, cursor)
  const width = Math.max(2, Math.round(layout.cell / 10))
  for (const [color, thickness] of [[palette.cursorEdge, width * 2], [palette.cursor, width]] as const) {
    context.strokeStyle = color
    context.lineWidth = thickness
    context.strokeRect(left + width / 2, top + width / 2, layout.cell - width, layout.cell - width)
  }
}

function disc(context: Context, x: number, y: number, radius: number, color: string) {
  context.fillStyle = color
  context.beginPath()
  context.arc(x, y, Math.max(radius, 1), 0, 2 * Math.PI)
  context.fill()
}

type Points = readonly (readonly [number, number])[]

function polygon(context: Context, points: Points, fill: string, stroke: string, line: number) {
  context.beginPath()
  points.forEach(([x, y], index) => (index === 0 ? context.moveTo(x, y) : context.lineTo(x, y)))
  context.closePath()
  context.strokeStyle = stroke
  context.lineWidth = line * 2
  context.lineJoin = 'round'
  context.stroke()
  context.fillStyle = fill
  context.fill()
}

function write(context: Context, text: string, x: number, y: number, size: number, color: string) {
  context.fillStyle = color
  context.font = `600 ${Math.round(size)}px system-ui, sans-serif`
  context.textAlign = 'center'
  context.textBaseline = 'middle'
  context.fillText(text, x, y + size * 0.06)
}

import type { Cell, Grid } from '~/utils/grid'
import { cellDetails, summarize } from '~/utils/grid'

/** A grid and its cells in words, for the text alternative of the canvas and for its cursor. */
export function useGridText() {
  const { t } = useI18n()
  const { number, decimal, share } = useFormat()
  const battery = (percent: number) => share(percent / 100)
  // The keys of the four headings and actions are numbers, as in the API.
  const heading = (value: number) => t(`grid.heading.${value}`)
  const place = ({ x, y }: Cell) => t('grid.place', { x, y })

  function overview(grid: Grid): string {
    const { meanThreat, highest, coverage } = summarize(grid)
    const size = t('grid.text.size', { width: grid.width, height: grid.height, episode: grid.episode, step: grid.step })
    const threat =
      meanThreat !== null && highest
        ? t('grid.text.threat', { mean: decimal(meanThreat, 2), highest: decimal(highest.threat, 2), place: place(highest) })
        : ''
    const robots = grid.robots.map((robot) =>
      t('grid.text.robot', {
        number: robot.id + 1,
        place: place(robot),
        heading: heading(robot.heading),
        battery: battery(robot.battery),
      }),
    )
    const stations = t('grid.text.stations', { places: grid.stations.map(place).join(' ') })
    const objects = t('grid.text.objects', { count: grid.objects.length, places: grid.objects.map(place).join(' ') })
    const covered = coverage === null ? '' : t('grid.text.coverage', { coverage: share(coverage) })
    return [size, threat, covered, ...robots, stations, objects]
      .filter(Boolean)
      .join(' ')
  }

  function cell(grid: Grid, at: Cell): string {
    const { obstacle, threat, cleared, visits, station, object, robot } = cellDetails(grid, at)
    if (obstacle) return [place(at), t('grid.obstacle')].join(' · ')
    const age = object?.spawnedAt == null ? null : grid.step - object.spawnedAt
    return [
      place(at),
      threat !== null && t('grid.cell.threat', { threat: decimal(threat, 2) }),
      cleared !== null && t(cleared ? 'grid.cleared' : 'grid.uncleared'),
      visits !== null && t('grid.cell.visits', visits, { named: { visits: number(visits) } }),
      station && t('grid.station'),
      object && (age === null ? t('grid.object') : t('grid.cell.object', age, { named: { age: number(age) } })),
      robot &&
        t('grid.cell.robot', {
          number: robot.id + 1,
          heading: heading(robot.heading),
          battery: battery(robot.battery),
        }),
      robot?.charging && t('grid.cell.charging'),
      robot && robot.action !== null && t(`grid.action.${robot.action}`),
    ]
      .filter(Boolean)
      .join(' · ')
  }

  return { overview, cell }
}

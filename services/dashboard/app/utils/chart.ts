import type uPlot from 'uplot'

interface Settings {
  width: number
  line: string
  text: string
  grid: string
  /** Charts with the same key share cursor and zoom. */
  syncKey: string
  formatX: (value: number) => string
  formatY: (value: number) => string
  onCursor: (index: number | null) => void
}

const HEIGHT = 176
const FONT = '11px system-ui, sans-serif'

/** Options of uPlot for one line over the steps of a training. */
export function chartOptions({ width, line, text, grid, syncKey, formatX, formatY, onCursor }: Settings): uPlot.Options {
  const axis = { stroke: text, font: FONT, grid: { stroke: grid, width: 1 }, ticks: { stroke: grid, width: 1, size: 4 } }
  return {
    width,
    height: HEIGHT,
    legend: { show: false },
    scales: { x: { time: false } },
    cursor: { sync: { key: syncKey, setSeries: false }, points: { size: 6 }, drag: { x: true, y: false } },
    axes: [
      { ...axis, size: 28, space: 80, values: (_, values) => values.map((value) => formatX(value)) },
      { ...axis, size: 56, space: 32, values: (_, values) => values.map((value) => formatY(value)) },
    ],
    series: [{}, { stroke: line, width: 1.5, points: { show: false }, spanGaps: true }],
    hooks: { setCursor: [({ cursor }) => onCursor(cursor.idx ?? null)] },
  }
}

/** Viridis (van der Walt and Smith, 2015): even steps of lightness, also for colour-blind people and in print. */
const ANCHORS = [
  [68, 1, 84],
  [72, 33, 115],
  [67, 62, 133],
  [56, 89, 140],
  [45, 112, 142],
  [37, 133, 142],
  [30, 155, 138],
  [43, 176, 127],
  [81, 197, 106],
  [133, 213, 74],
  [194, 223, 35],
  [253, 231, 37],
] as const

export type Rgb = readonly [number, number, number]

/** Colour of a threat of 0..1; values outside are brought into the range. */
export function threatColor(threat: number): Rgb {
  const place = Math.min(Math.max(threat, 0), 1) * (ANCHORS.length - 1)
  const low = Math.min(Math.floor(place), ANCHORS.length - 2)
  const share = place - low
  const [from, to] = [ANCHORS[low]!, ANCHORS[low + 1]!]
  const mix = (channel: 0 | 1 | 2) => Math.round(from[channel] + (to[channel] - from[channel]) * share)
  return [mix(0), mix(1), mix(2)]
}

const css = (rgb: Rgb) => `rgb(${rgb.join(' ')})`

/** One colour for each of the hundredths in which threat is counted. */
export const THREAT_COLORS: readonly string[] = Array.from({ length: 101 }, (_, hundredth) => css(threatColor(hundredth / 100)))

/** Lightness L* (CIE 1976) of a colour, 0..100. */
export function lightness([red, green, blue]: Rgb): number {
  const linear = (channel: number) => {
    const value = channel / 255
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4
  }
  const luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)
  return luminance > 216 / 24389 ? 116 * Math.cbrt(luminance) - 16 : (luminance * 24389) / 27
}

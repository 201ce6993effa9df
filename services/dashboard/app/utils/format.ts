/** What stands where there is no value. */
export const ABSENT = '–'

type Maybe = number | null | undefined

/** A number with at most so many digits behind the point. */
export function formatNumber(value: Maybe, locale: string, digits = 0): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  return new Intl.NumberFormat(locale, { maximumFractionDigits: digits }).format(value)
}

/** A number with exactly so many digits behind the point, so that a column of them lines up. */
export function formatDecimal(value: Maybe, locale: string, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  return new Intl.NumberFormat(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value)
}

/** A number with a few significant digits, whatever its size: losses and KL divergences differ by powers of ten. */
export function formatSignificant(value: Maybe, locale: string, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  const tiny = value !== 0 && Math.abs(value) < 1e-4
  return new Intl.NumberFormat(locale, {
    maximumSignificantDigits: digits,
    notation: tiny ? 'scientific' : 'standard',
  }).format(value)
}

/** A large number in a few characters, for axes: `2.5M`, `250万`. */
export function formatCompact(value: Maybe, locale: string): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  return new Intl.NumberFormat(locale, { notation: 'compact', maximumSignificantDigits: 4 }).format(value)
}

/** A difference, with its sign even where that is plus. */
export function formatSigned(value: Maybe, locale: string, digits = 3): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  return new Intl.NumberFormat(locale, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
    signDisplay: 'always',
  }).format(value)
}

/** A share from 0 to 1 as per cent; never 100 % before all is done. */
export function formatShare(value: Maybe, locale: string, digits = 0): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  return new Intl.NumberFormat(locale, {
    style: 'percent',
    maximumFractionDigits: digits,
    roundingMode: 'trunc',
  } as Intl.NumberFormatOptions).format(value)
}

/** Seconds as a clock shows them: `0:31`, `1:02:03`, `76:00:00`. */
export function formatClock(seconds: Maybe): string {
  if (seconds == null || !Number.isFinite(seconds) || seconds < 0) return ABSENT
  const whole = Math.round(seconds)
  const pad = (part: number) => String(part).padStart(2, '0')
  const hours = Math.floor(whole / 3600)
  const minutes = Math.floor(whole / 60) % 60
  return hours > 0 ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`
}

const SIZES = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'] as const

/** A number of bytes in decimal units. */
export function formatBytes(value: Maybe, locale: string): string {
  if (value == null || !Number.isFinite(value)) return ABSENT
  const step = value < 1000 ? 0 : Math.min(Math.floor(Math.log10(value) / 3), SIZES.length - 1)
  const amount = value / 1000 ** step
  return new Intl.NumberFormat(locale, {
    style: 'unit',
    unit: SIZES[step],
    unitDisplay: step === 0 ? 'long' : 'short',
    maximumFractionDigits: amount < 10 && step > 0 ? 1 : 0,
  }).format(amount)
}

/** A point in time, in the time zone of the reader. */
export function formatTime(value: string | null | undefined, locale: string): string {
  if (!value) return ABSENT
  const time = new Date(value)
  if (Number.isNaN(time.getTime())) return ABSENT
  return new Intl.DateTimeFormat(locale, { dateStyle: 'medium', timeStyle: 'medium' }).format(time)
}

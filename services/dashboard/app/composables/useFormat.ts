import * as format from '~/utils/format'

type Maybe = number | null | undefined

/** The functions of `utils/format` in the language of the page. */
export function useFormat() {
  const { locale } = useI18n()
  return {
    number: (value: Maybe, digits?: number) => format.formatNumber(value, locale.value, digits),
    decimal: (value: Maybe, digits?: number) => format.formatDecimal(value, locale.value, digits),
    significant: (value: Maybe, digits?: number) => format.formatSignificant(value, locale.value, digits),
    compact: (value: Maybe) => format.formatCompact(value, locale.value),
    signed: (value: Maybe, digits?: number) => format.formatSigned(value, locale.value, digits),
    share: (value: Maybe, digits?: number) => format.formatShare(value, locale.value, digits),
    bytes: (value: Maybe) => format.formatBytes(value, locale.value),
    time: (value: string | null | undefined) => format.formatTime(value, locale.value),
    clock: format.formatClock,
  }
}

import type { Ref } from 'vue'
import type { GridPalette } from '~/utils/paintGrid'

/** Marks keep their colours in both schemes, so that they mean the same; their outline sets them off from any threat. */
const MARKS = {
  robot: '#ffffff',
  robotText: '#000000',
  battery: '#1668c4',
  batteryLow: '#d32f0a',
  station: '#00a3ff',
  object: '#ff7bac',
  outline: '#101418',
}

/** Colours of a canvas from the custom properties that its style sheet sets, read again when the scheme changes. */
export function useGridPalette(canvas: Readonly<Ref<HTMLCanvasElement | null>>) {
  const palette = shallowRef<GridPalette>({
    ...MARKS,
    floor: '',
    cleared: '',
    obstacle: '',
    hatch: '',
    cursorEdge: '',
    cursor: '',
  })

  function readPalette() {
    if (!canvas.value) return
    const style = getComputedStyle(canvas.value)
    const property = (name: string) => style.getPropertyValue(`--grid-${name}`).trim()
    palette.value = {
      ...MARKS,
      floor: property('floor'),
      cleared: property('cleared'),
      obstacle: property('obstacle'),
      hatch: property('hatch'),
      cursor: property('cursor'),
      cursorEdge: property('cursor-edge'),
    }
  }

  let scheme: MediaQueryList | null = null
  onMounted(() => {
    scheme = window.matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', readPalette)
  })
  onBeforeUnmount(() => scheme?.removeEventListener('change', readPalette))

  return { palette, readPalette }
}

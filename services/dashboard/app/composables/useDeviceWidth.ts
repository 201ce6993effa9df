import type { Ref } from 'vue'

/** Width of an element in pixels of the device, and how many of them are a CSS pixel; 0 before it is known. */
export function useDeviceWidth(element: Readonly<Ref<HTMLElement | null>>) {
  const width = ref(0)
  const ratio = ref(1)
  let observer: ResizeObserver | null = null
  let density: MediaQueryList | null = null

  function measure() {
    ratio.value = window.devicePixelRatio || 1
    width.value = Math.round((element.value?.clientWidth ?? 0) * ratio.value)
  }

  /** Density changes with zoom and when a window moves to another screen; each query is for one value. */
  function followDensity() {
    density?.removeEventListener('change', followDensity)
    density = window.matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`)
    density.addEventListener('change', followDensity)
    measure()
  }

  onMounted(() => {
    observer = new ResizeObserver(measure)
    if (element.value) observer.observe(element.value)
    followDensity()
  })
  onBeforeUnmount(() => {
    observer?.disconnect()
    density?.removeEventListener('change', followDensity)
  })

  return { width: readonly(width), ratio: readonly(ratio) }
}

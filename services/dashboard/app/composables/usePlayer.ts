import type { Ref } from 'vue'
import { advance, playerCommand, STEPS_PER_SECOND } from '~/utils/playback'

/** Elements that have a use of their own for the keys of the player. */
const OWN_KEYS = 'input, select, textarea, dialog, [role="tab"], .table-scroll'
const OWN_SPACE = 'a, button, summary'
/** Seconds: after a pause of the page, such as in a hidden tab, playing goes on where it was. */
const LONGEST_PICTURE = 0.25

/** A play head over the steps 0 to `last`, which moves while `playing` and obeys the keyboard of the page. */
export function usePlayer(position: Ref<number>, last: Ref<number>, speed: Ref<number>, isReady: (at: number) => boolean) {
  const playing = ref(false)
  let picture = 0
  let before = 0
  /** The part of a step that has been played already. */
  let rest = 0

  function play(now: number) {
    const seconds = Math.min((now - before) / 1000, LONGEST_PICTURE)
    before = now
    const steps = rest + seconds * speed.value * STEPS_PER_SECOND
    position.value = advance(position.value, Math.floor(steps), last.value, isReady)
    rest = steps % 1
    if (position.value >= last.value) playing.value = false
    else picture = requestAnimationFrame(play)
  }

  function seek(at: number) {
    position.value = Math.min(Math.max(at, 0), last.value)
  }

  function toggle() {
    if (!playing.value && position.value >= last.value) seek(0)
    playing.value = !playing.value
  }

  function step(by: number) {
    playing.value = false
    seek(position.value + by)
  }

  const commands = {
    toggle,
    back: () => step(-1),
    forward: () => step(1),
    start: () => step(-Infinity),
    end: () => step(Infinity),
  }

  function press(event: KeyboardEvent) {
    const command = playerCommand(event.key)
    const target = event.target instanceof Element ? event.target : null
    const taken = target?.closest(command === 'toggle' ? `${OWN_KEYS}, ${OWN_SPACE}` : OWN_KEYS)
    if (!command || taken || event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    event.preventDefault()
    commands[command]()
  }

  watch(playing, (on) => {
    cancelAnimationFrame(picture)
    rest = 0
    before = performance.now()
    if (on) picture = requestAnimationFrame(play)
  })
  onMounted(() => window.addEventListener('keydown', press))
  onBeforeUnmount(() => {
    window.removeEventListener('keydown', press)
    playing.value = false
    cancelAnimationFrame(picture)
  })

  return { playing, seek, commands }
}

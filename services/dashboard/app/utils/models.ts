import type { Schemas } from '~/composables/useGateway'

/** What the gateway writes into the metadata of checkpoints; null where there is no such number. */
export function checkpointFigures({ metadata }: Schemas['StoredFile']) {
  const figure = (name: string) => {
    const value: unknown = isRecord(metadata) ? metadata[name] : undefined
    return typeof value === 'number' ? value : null
  }
  return { meanThreat: figure('mean_threat'), timestep: figure('timestep') }
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null

/** A name for a downloaded file: what it was called, with the ending of its format. */
export function downloadName({ original_filename, training_job_id }: Schemas['StoredFile'], format: Schemas['Format']): string {
  const stem = original_filename.replace(/\.(safetensors|onnx)$/i, '').replace(/[\\/:*?"<>|]/g, '_')
  const session = training_job_id == null ? '' : `session-${training_job_id}-`
  return `${session}${stem}.${format}`
}

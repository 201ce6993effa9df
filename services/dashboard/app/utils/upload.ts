/** Largest upload that the gateway takes, bytes. */
export const LARGEST_UPLOAD = 64 * 1024 * 1024

export interface UploadForm {
  file: File | null
  description: string
  metadata: string
  session: number | ''
}

export type UploadFault = 'noFile' | 'tooLarge' | 'metadata' | 'session'

/** What the gateway would refuse, known before anything is sent. */
export function uploadFaults({ file, metadata, session }: UploadForm): UploadFault[] {
  const faults: UploadFault[] = []
  if (!file) faults.push('noFile')
  else if (file.size > LARGEST_UPLOAD) faults.push('tooLarge')
  if (!isObject(metadata)) faults.push('metadata')
  if (session !== '' && (!Number.isInteger(session) || session < 1)) faults.push('session')
  return faults
}

/** Whether a text is nothing, or a JSON object. */
function isObject(text: string): boolean {
  if (!text.trim()) return true
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  } catch {
    return false
  }
}

/** The multipart form; fields that are empty are left out. */
export function uploadBody({ file, description, metadata, session }: UploadForm): FormData {
  const form = new FormData()
  if (description.trim()) form.set('description', description.trim())
  if (metadata.trim()) form.set('metadata', metadata)
  if (session !== '') form.set('training_job_id', String(session))
  if (file) form.set('file', file)
  return form
}

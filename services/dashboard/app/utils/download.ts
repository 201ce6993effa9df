import { problemOf } from '~/utils/problem'

/** Fetches bytes; throws a `Problem`, whose sentence is read from the JSON of the refusal. */
export async function fetchBlob(address: string, token: string, signal: AbortSignal): Promise<Blob> {
  let answer: Response
  try {
    answer = await fetch(address, { signal, headers: token ? { authorization: `Bearer ${token}` } : undefined })
  } catch (error) {
    throw problemOf(error)
  }
  if (answer.ok) return await answer.blob()
  throw problemOf({ statusCode: answer.status, data: await answer.json().catch(() => undefined) })
}

/** Lets the browser save bytes as a file. */
export function saveBlob(blob: Blob, name: string) {
  const address = URL.createObjectURL(blob)
  Object.assign(document.createElement('a'), { href: address, download: name }).click()
  URL.revokeObjectURL(address)
}

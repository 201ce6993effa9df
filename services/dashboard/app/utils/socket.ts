/** Close code for a session that does not exist. */
export const UNKNOWN_SESSION = 4404

const FIRST_DELAY = 500
const LONGEST_DELAY = 30_000

/** Characters of a token that browsers take in a subprotocol (RFC 9110, `token`). */
const SUBPROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/

/**
 * Where to connect, and with which subprotocols. A token goes along as one, beside `patrol`, which the gateway chooses;
 * one with characters that browsers refuse there stands in the query.
 */
export function socketTarget(address: string, token: string): { address: string; protocols: string[] } {
  if (!token) return { address, protocols: ['patrol'] }
  if (SUBPROTOCOL.test(token)) return { address, protocols: ['patrol', `bearer.${token}`] }
  return { address: `${address}?token=${encodeURIComponent(token)}`, protocols: ['patrol'] }
}

/**
 * Milliseconds to wait after so many failures in a row: twice as long each time, up to half a minute, and spread by
 * `random` (0..1) so that tabs do not all come back in the same moment.
 */
export function reconnectDelay(failures: number, random: number): number {
  const longest = Math.min(LONGEST_DELAY, FIRST_DELAY * 2 ** failures)
  return Math.round(longest * (0.5 + random / 2))
}

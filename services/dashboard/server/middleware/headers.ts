/** No page of another site may frame this one, and none learns what was open here. */
export default defineEventHandler((event) => {
  setResponseHeaders(event, {
    'content-security-policy': "frame-ancestors 'none'; base-uri 'self'; object-src 'none'; form-action 'self'",
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  })
})

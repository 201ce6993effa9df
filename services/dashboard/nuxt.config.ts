// Server-side rendering gives the first page its language and its theme; data comes from the gateway to the browser.
export default defineNuxtConfig({
  compatibilityDate: '2025-11-01',
  modules: ['@nuxtjs/i18n', '@nuxt/eslint'],
  css: ['~/assets/main.css'],
  telemetry: false,
  devtools: { enabled: false },
  app: {
    head: {
      viewport: 'width=device-width, initial-scale=1',
      link: [{ rel: 'icon', type: 'image/svg+xml', href: '/favicon.svg' }],
    },
  },
  runtimeConfig: {
    // Overridden by NUXT_PUBLIC_API_BASE_URL and NUXT_PUBLIC_WS_URL when the server starts.
    public: {
      apiBaseUrl: 'http://127.0.0.1:8000',
      wsUrl: '',
    },
  },
  i18n: {
    strategy: 'no_prefix',
    defaultLocale: 'en',
    locales: [
      { code: 'en', language: 'en', name: 'English', file: 'en.json' },
      { code: 'ja', language: 'ja', name: '日本語', file: 'ja.json' },
    ],
    detectBrowserLanguage: { useCookie: true, cookieKey: 'language', fallbackLocale: 'en' },
  },
  eslint: { config: { stylistic: false } },
  typescript: { strict: true },
})
